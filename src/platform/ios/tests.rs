//! Configurations as devices write them, and what they mean.
