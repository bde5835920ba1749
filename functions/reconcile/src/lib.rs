//! Finds what was lost and asks the provider.
