"""What calls live through when a provider is silent, fails or limits, in virtual time: before and after."""
