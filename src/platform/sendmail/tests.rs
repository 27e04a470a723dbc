//! A Sendmail host made of configuration texts, and what is asked of it.
