"""What requests cost over loopback, through engines, SDKs and routers."""
