//! The only room that writes words for people: formats, and texts in English and Japanese.

pub mod diagnostic;
pub mod lang;
pub mod text;
pub mod words;

pub use lang::Lang;
