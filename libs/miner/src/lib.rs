//! From the bytes of a web page to the records on it, and to Python that fetches them again: pure functions over
//! text. Not here: fetching pages, running Python, calling models, jobs (`services/scraper`).

pub mod decode;
pub mod dom;
pub mod extract;
pub mod json;
pub mod mine;
pub mod parse;
pub mod recipe;
pub mod select;
pub mod text;
pub mod url;
pub mod value;

pub use dom::{Dom, Node};
pub use extract::{Record, extract};
pub use parse::parse;
pub use recipe::Recipe;
