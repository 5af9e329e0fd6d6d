"""A channel without a provider, for trials: the amount chooses what happens."""
