"""What a provider said went wrong, as an error of `ranvier.errors`."""
