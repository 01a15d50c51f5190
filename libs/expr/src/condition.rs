//! Conditions: CEL over JSON. The `cel` crate parses, `eval` evaluates: over the context's JSON as it lies there,
//! nothing is converted or copied beforehand, and every step is paid for.
//!
//! What differs from the letter of CEL, because JSON knows one kind of number: `3` and `3.0` compare and
//! calculate with each other (whole numbers among themselves stay whole: `7 / 2` is 3), `3u` is `3`. Left out: bytes,
//! protobuf messages, timestamps and durations. Of the extensions there are `lowerAscii upperAscii trim split join`.
//! `has(x.y)` is false if `x` is null, as the output of a skipped node is.
//!
//! Why it ends without harm: `MAX_BYTES` and `MAX_OPERATORS` bound the text before the parser sees it, hence also
//! the depth of every recursion over its tree (`MAX_DEPTH` then bounds that of evaluating); macros are the only
//! loops, they run over lists that are there, and each step of each one costs fuel, as does every byte looked at
//! or built; regular expressions run in linear time.
//! Not here: values (`value`), functions (`functions`), the interpreter itself (`eval`).

mod compare;
mod eval;
mod functions;
mod value;

use crate::{Context, Error, Reference, Result, reference::References};
use cel::{
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators},
    parser::PrattParser,
};
use serde_json::Value;
use std::sync::Arc;

/// Longest expression, bytes, whatever the caller's limits are.
const MAX_BYTES: usize = 16 << 10;
/// Most signs that could be operators, brackets or member dots, counted in the whole text, strings included.
const MAX_OPERATORS: usize = 512;
/// Most conditional operators: their right side nests.
const MAX_CHOICES: usize = 64;
/// Deepest tree.
const MAX_DEPTH: usize = 100;
/// Deepest nesting of macros; the work is bounded by fuel anyway, this gives a better message, and early.
const MAX_MACROS: usize = 4;

/// Checks syntax, functions and bounds.
pub fn check(source: &str) -> Result<()> {
    Condition::compile(source).map(drop)
}

/// Compiles and evaluates to true or false; anything else is an error.
pub fn eval_bool(source: &str, context: &Context<'_>) -> Result<bool> {
    Condition::compile(source)?.eval_bool(context)
}

/// Compiles and evaluates to a JSON value.
pub fn eval(source: &str, context: &Context<'_>) -> Result<Value> {
    Condition::compile(source)?.eval(context)
}

/// Every path into the context that the expression mentions.
pub fn references(source: &str) -> Result<Vec<Reference>> {
    Condition::compile(source).map(|condition| condition.references)
}

/// A compiled condition. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition {
    expr: Arc<IdedExpr>,
    references: Vec<Reference>,
}

impl Condition {
    /// Compiles.
    pub fn compile(source: &str) -> Result<Self> {
        if source.len() > MAX_BYTES {
            return Err(Error::limit(format!("an expression may have at most {MAX_BYTES} bytes")));
        }
        if source.trim().is_empty() {
            return Err(Error::syntax("the expression is empty"));
        }
        let operators = source.bytes().filter(|byte| b"+-*/%.?:!<>=&|([{,".contains(byte)).count();
        let choices = source.bytes().filter(|byte| *byte == b'?').count();
        if operators > MAX_OPERATORS || choices > MAX_CHOICES {
            return Err(Error::limit(format!(
                "the expression is too complex: at most {MAX_OPERATORS} operators, {MAX_CHOICES} of them `?`"
            )));
        }
        let parser = PrattParser::new().max_recursion_depth(48).error_recovery_limit(1);
        let expr = parser.parse(source).map_err(|errors| explain(&errors, source))?;
        let mut walk = Walk { locals: Vec::new(), references: References::default(), macros: 0 };
        walk.expr(&expr, 0)?;
        let references = walk.references.into_vec();
        Ok(Self { expr: Arc::new(expr), references })
    }

    /// Every path into the context that it mentions, each once.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Evaluates to true or false; anything else is an error.
    pub fn eval_bool(&self, context: &Context<'_>) -> Result<bool> {
        let mut evaluator = eval::Evaluator::new(&context.roots);
        match evaluator.eval(&self.expr)? {
            value::Val::Bool(truth) => Ok(truth),
            other => Err(Error::evaluation(format!(
                "a condition must be true or false, not {}",
                other.type_name()
            ))),
        }
    }

    /// Evaluates to a JSON value.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value> {
        let mut evaluator = eval::Evaluator::new(&context.roots);
        let value = evaluator.eval(&self.expr)?;
        evaluator.as_json(&value)
    }
}

fn explain(errors: &cel::ParseErrors, source: &str) -> Error {
    let Some(first) = errors.errors.first() else { return Error::syntax("not a valid expression") };
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let error = Error::syntax(message.chars().take(300).collect::<String>());
    match usize::try_from(first.pos.0) {
        Ok(line) if line > 0 && source.contains('\n') => error.at_line(line),
        _ => error,
    }
}

/// Names that stand for types: `type(x) == string`.
pub(crate) const TYPES: [&str; 9] =
    ["bool", "int", "uint", "double", "string", "list", "map", "null_type", "type"];

/// Checks depth and functions, and collects references.
struct Walk<'a> {
    locals: Vec<&'a str>,
    references: References,
    macros: usize,
}

impl<'a> Walk<'a> {
    fn expr(&mut self, expr: &'a IdedExpr, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("the expression nests deeper than {MAX_DEPTH} operators")));
        }
        let depth = depth + 1;
        match &expr.expr {
            Expr::Ident(_) | Expr::Select(_) => self.path(expr, depth),
            Expr::Call(call) if call.func_name == operators::INDEX => self.path(expr, depth),
            Expr::Call(call) => {
                functions::check(call)?;
                if let Some(target) = &call.target {
                    self.expr(target, depth)?;
                }
                call.args.iter().try_for_each(|arg| self.expr(arg, depth))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.expr(item, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expr(&entry.key, depth)?;
                    self.expr(&entry.value, depth)
                }
                EntryExpr::StructField(_) => Err(Error::syntax("messages are not available here")),
            }),
            Expr::Comprehension(comprehension) => {
                self.expr(&comprehension.iter_range, depth)?;
                self.macros += 1;
                if self.macros > MAX_MACROS {
                    return Err(Error::limit(format!("at most {MAX_MACROS} macros may be nested")));
                }
                self.locals.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                for part in [
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.expr(part, depth)?;
                }
                self.locals.truncate(self.locals.len() - 2);
                self.macros -= 1;
                Ok(())
            }
            Expr::Literal(LiteralValue::Bytes(_)) => Err(Error::syntax("bytes are not available here")),
            Expr::Literal(_) => Ok(()),
            Expr::Struct(_) => Err(Error::syntax("messages are not available here")),
            Expr::Unspecified => Err(Error::syntax("not a valid expression")),
        }
    }

    /// A name with the members after it, as far as they are written out.
    fn path(&mut self, expr: &'a IdedExpr, depth: usize) -> Result<()> {
        let mut members = Vec::new();
        let mut at = expr;
        loop {
            match &at.expr {
                Expr::Ident(name) => {
                    let name = name.as_str();
                    let is_type = members.is_empty() && TYPES.contains(&name);
                    if !is_type && !self.locals.contains(&name) {
                        let mut path = vec![name.trim_start_matches('.').to_owned()];
                        path.extend(members.into_iter().rev());
                        self.references.add(path, 1);
                    }
                    return Ok(());
                }
                Expr::Select(select) => {
                    members.push(select.field.clone());
                    at = &select.operand;
                }
                Expr::Call(call) if call.func_name == operators::INDEX && call.args.len() == 2 => {
                    match &call.args[1].expr {
                        Expr::Literal(LiteralValue::String(name)) => members.push(name.inner().to_owned()),
                        _ => {
                            members.clear();
                            self.expr(&call.args[1], depth)?;
                        }
                    }
                    at = &call.args[0];
                }
                _ => return self.expr(at, depth + members.len()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
