//! The embedding model that memory uses, and the most that embedding a text can cost. Not here: embedding
//! (`nexus-memory`).

use super::PromptBound;
use crate::Money;

/// The embedding model that memory uses.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingModel {
    /// `provider/model`.
    pub model: String,
    /// Most that one token can cost; `None` if the model has no price.
    pub per_token: Option<Money>,
    /// Longest text that the model reads as a whole, bytes. A longer one is embedded in pieces, and its vector is their
    /// mean, weighted by their length.
    pub piece_bytes: usize,
}

impl EmbeddingModel {
    /// The pieces in which a text is embedded.
    pub fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        // A character has four bytes at most: with fewer nothing would fit.
        let most = self.piece_bytes.max(4);
        let (mut pieces, mut rest) = (Vec::new(), text);
        while rest.len() > most {
            let (piece, tail) = rest.split_at(rest.floor_char_boundary(most));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        pieces
    }

    /// The most that embedding a text can cost; `None` if the model has no price.
    pub fn worst_case(&self, text: &str) -> Option<Money> {
        let bound = |piece: &&str| PromptBound::new().message(piece).tokens();
        self.per_token.map(|rate| rate.times(self.pieces(text).iter().map(bound).sum()))
    }
}
