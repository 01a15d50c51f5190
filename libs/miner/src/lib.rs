//! From the bytes of a web page to the records on it, and to Python that fetches them again: pure functions over
//! text. Not here: fetching pages, running Python, calling models, jobs (`services/scraper`).

pub mod analysis;
pub mod check;
pub mod decode;
pub mod detail;
pub mod dom;
pub mod extract;
pub mod json;
pub mod lint;
pub mod mine;
pub mod page;
pub mod pager;
pub mod parse;
pub mod prompt;
pub mod python;
pub mod recipe;
pub mod repair;
pub mod schema;
pub mod select;
pub mod text;
pub mod url;
pub mod value;
pub mod wanted;
mod wish;
mod words;

pub use analysis::{Analysis, Page, analyse};
pub use dom::{Dom, Node};
pub use extract::{Record, extract};
pub use parse::parse;
pub use recipe::Recipe;
