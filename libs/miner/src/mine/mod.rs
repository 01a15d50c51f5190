//! Finding records: repeated structure, judged by how much of the page it explains. Not here: what is wanted of the
//! page (`wanted`), carrying a recipe out (`extract`).

pub mod columns;
pub mod groups;
pub mod names;
pub mod region;
pub mod score;
pub mod selector;
pub mod sheet;

pub use region::{ColumnInfo, Region, regions};
