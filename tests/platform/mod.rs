//! Platforms against what the programs of a real host print.

mod corpus;
#[cfg(target_os = "linux")]
mod intake;
mod ios;
#[cfg(target_os = "linux")]
mod legacy;
#[cfg(target_os = "linux")]
mod nft_forms;
#[cfg(target_os = "linux")]
mod rulesets;
mod traps;
