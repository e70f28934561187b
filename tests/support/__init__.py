"""What tests share, by the folder that needs it: `from support.providers.asking import served`."""
