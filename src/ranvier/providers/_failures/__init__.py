"""Classifies a provider's failures as errors of `ranvier.errors`."""
