//! One walk over a template's syntax tree before it is compiled: which paths into the context it mentions, which
//! parts of Jinja it uses that are not offered, and how large the values are that it can build.
//!
//! Sizes are counted in units of the largest single value there is (a value of the context, or the longest text a
//! filter makes). A loop's turn starts from the scope outside the loop, so one pass in text order bounds every
//! name; `BUILT_UNITS` is the most that may be put together by `~`, `+`, lists and filters.
//! Not here: compiling and rendering (`template`).

use super::filters::{FILTERS, TESTS};
use crate::{Error, ROOTS, Reference, Result, reference::References};
use minijinja::{
    machinery::{Token, ast, parse, tokenize},
    syntax::SyntaxConfig,
    value::ValueKind,
};
use std::collections::HashMap;

/// Tokens within one `{{ … }}` or `{% … %}`: bounds the depth of its syntax tree, whatever its shape.
const TAG_TOKENS: usize = 500;
/// `elif`s in a template; each nests the next.
const ELIFS: usize = 100;
/// Most that may be put together, in units of the largest single value.
const BUILT_UNITS: f64 = 256.0;
/// Largest number that a value may be multiplied with if it might be a text or a list.
const REPEATS: f64 = 10_000.0;

pub(super) struct Found {
    pub(super) references: Vec<Reference>,
    /// Bytes of the longest fixed text.
    pub(super) largest_text: usize,
}

pub(super) fn analyse(source: &str, syntax: SyntaxConfig) -> Result<Found> {
    let largest_text = check_tokens(source, syntax.clone())?;
    let tree = parse(source, super::NAME, syntax).map_err(|error| super::explain(&error))?;
    let mut walk = Walk { scopes: vec![HashMap::new()], references: References::default() };
    walk.statement(&tree)?;
    Ok(Found { references: walk.references.into_vec(), largest_text })
}

/// Bounds the tree's depth before anything recursive sees it.
fn check_tokens(source: &str, syntax: SyntaxConfig) -> Result<usize> {
    let (mut in_tag, mut elifs, mut largest_text) = (0, 0, 0);
    for token in tokenize(source, false, syntax) {
        let (token, span) = token.map_err(|error| super::explain(&error))?;
        in_tag += 1;
        match token {
            Token::TemplateData(text) => largest_text = largest_text.max(text.len()),
            Token::VariableStart | Token::BlockStart => in_tag = 0,
            Token::Ident("elif") => elifs += 1,
            _ => {}
        }
        if in_tag > TAG_TOKENS || elifs > ELIFS {
            let message =
                format!("too complex: at most {TAG_TOKENS} words and signs in one tag, and {ELIFS} `elif`");
            return Err(Error::limit(message).at_line(span.start_line.into()));
        }
    }
    Ok(largest_text)
}

/// What is known of a value before rendering.
#[derive(Clone, Copy)]
struct Size {
    /// At most so many units.
    units: f64,
    /// Surely a number (or a truth value).
    number: bool,
}

const ONE: Size = Size { units: 1.0, number: false };
const NUMBER: Size = Size { units: 0.0, number: true };

impl Size {
    fn with(self, other: Size) -> Size {
        Size { units: self.units.max(other.units), number: self.number && other.number }
    }
}

struct Walk<'a> {
    scopes: Vec<HashMap<&'a str, Size>>,
    references: References,
}

impl<'a> Walk<'a> {
    fn local(&self, name: &str) -> Option<Size> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    fn assign(&mut self, target: &ast::Expr<'a>, size: Size) -> Result<()> {
        match target {
            ast::Expr::Var(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(name.id, size);
                }
                Ok(())
            }
            ast::Expr::List(list) => list.items.iter().try_for_each(|item| self.assign(item, size)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().try_for_each(|item| self.assign(item, size)),
            other => Err(not_offered("setting a member", other.span().start_line)),
        }
    }

    fn statements(&mut self, statements: &[ast::Stmt<'a>]) -> Result<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    /// Statements in a scope of their own.
    fn scoped(&mut self, statements: &[ast::Stmt<'a>]) -> Result<HashMap<&'a str, Size>> {
        self.scopes.push(HashMap::new());
        let walked = self.statements(statements);
        let scope = self.scopes.pop().unwrap_or_default();
        walked.map(|()| scope)
    }

    fn statement(&mut self, statement: &ast::Stmt<'a>) -> Result<()> {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitExpr(emit) => self.expr(&emit.expr).map(drop),
            ast::Stmt::EmitRaw(_) => Ok(()),
            ast::Stmt::ForLoop(stmt) => {
                let size = self.expr(&stmt.iter)?;
                self.scopes.push(HashMap::from([("loop", ONE)]));
                self.assign(&stmt.target, Size { number: false, ..size })?;
                if let Some(filter) = &stmt.filter_expr {
                    self.expr(filter)?;
                }
                self.statements(&stmt.body)?;
                self.scopes.pop();
                self.scoped(&stmt.else_body).map(drop)
            }
            ast::Stmt::IfCond(stmt) => {
                self.expr(&stmt.expr)?;
                // In Jinja a name set inside `if` lives on after it. One that shadows a root only perhaps still
                // counts as that root, so that no reference is missed.
                for body in [&stmt.true_body, &stmt.false_body] {
                    for (name, size) in self.scoped(body)? {
                        if ROOTS.contains(&name) && self.local(name).is_none() {
                            continue;
                        }
                        let size = self.local(name).map_or(size, |known| known.with(size));
                        if let Some(scope) = self.scopes.last_mut() {
                            scope.insert(name, size);
                        }
                    }
                }
                Ok(())
            }
            ast::Stmt::WithBlock(stmt) => {
                self.scopes.push(HashMap::new());
                for (target, value) in &stmt.assignments {
                    let size = self.expr(value)?;
                    self.built(size, value)?;
                    self.assign(target, size)?;
                }
                self.statements(&stmt.body)?;
                self.scopes.pop();
                Ok(())
            }
            ast::Stmt::Set(stmt) => {
                let size = self.expr(&stmt.expr)?;
                self.built(size, &stmt.expr)?;
                self.assign(&stmt.target, size)
            }
            ast::Stmt::SetBlock(stmt) => {
                self.scoped(&stmt.body)?;
                if let Some(filter) = &stmt.filter {
                    self.expr(filter)?;
                }
                self.assign(&stmt.target, ONE)
            }
            ast::Stmt::FilterBlock(stmt) => {
                self.scoped(&stmt.body)?;
                self.expr(&stmt.filter).map(drop)
            }
            ast::Stmt::AutoEscape(stmt) => Err(not_offered("`autoescape`", stmt.span().start_line)),
            ast::Stmt::Block(stmt) => Err(not_offered("`block`", stmt.span().start_line)),
            ast::Stmt::Import(stmt) => Err(not_offered("`import`", stmt.span().start_line)),
            ast::Stmt::FromImport(stmt) => Err(not_offered("`from … import`", stmt.span().start_line)),
            ast::Stmt::Extends(stmt) => Err(not_offered("`extends`", stmt.span().start_line)),
            ast::Stmt::Include(stmt) => Err(not_offered("`include`", stmt.span().start_line)),
            ast::Stmt::Macro(stmt) => Err(not_offered("`macro`", stmt.span().start_line)),
            ast::Stmt::CallBlock(stmt) => Err(not_offered("`call`", stmt.span().start_line)),
            ast::Stmt::Do(stmt) => self.call(&stmt.call).map(drop),
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'a>) -> Result<Size> {
        Ok(match expr {
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.path(expr)?,
            ast::Expr::Const(constant) => match constant.value.kind() {
                ValueKind::Number | ValueKind::Bool | ValueKind::None => NUMBER,
                _ => Size { units: 0.01, number: false },
            },
            ast::Expr::Slice(slice) => {
                for part in [&slice.start, &slice.stop, &slice.step].into_iter().flatten() {
                    self.expr(part)?;
                }
                self.expr(&slice.expr)?
            }
            ast::Expr::UnaryOp(unary) => {
                self.expr(&unary.expr)?;
                NUMBER
            }
            ast::Expr::BinOp(binary) => self.binary(binary, expr)?,
            ast::Expr::Compare(compare) => {
                self.expr(&compare.expr)?;
                for op in &compare.ops {
                    self.expr(&op.expr)?;
                }
                NUMBER
            }
            ast::Expr::IfExpr(choice) => {
                self.expr(&choice.test_expr)?;
                let chosen = self.expr(&choice.true_expr)?;
                match &choice.false_expr {
                    Some(other) => chosen.with(self.expr(other)?),
                    None => chosen,
                }
            }
            ast::Expr::Filter(filter) => self.filter(filter, filter.span().start_line)?,
            ast::Expr::Test(test) => {
                if !TESTS.contains(&test.name) {
                    return Err(unknown("test", test.name, &TESTS, test.span().start_line));
                }
                self.expr(&test.expr)?;
                self.arguments(&test.args)?;
                NUMBER
            }
            ast::Expr::Call(call) => self.call(call)?,
            ast::Expr::List(list) => self.sum(&list.items, expr)?,
            ast::Expr::Tuple(tuple) => self.sum(&tuple.items, expr)?,
            ast::Expr::Map(map) => {
                let keys = self.sum(&map.keys, expr)?;
                let values = self.sum(&map.values, expr)?;
                Size { units: keys.units + values.units, number: false }
            }
        })
    }

    fn sum(&mut self, items: &[ast::Expr<'a>], whole: &ast::Expr<'a>) -> Result<Size> {
        let mut units = 0.01;
        for item in items {
            units += self.expr(item)?.units;
        }
        let size = Size { units, number: false };
        self.built(size, whole)?;
        Ok(size)
    }

    fn binary(&mut self, binary: &ast::BinOp<'a>, whole: &ast::Expr<'a>) -> Result<Size> {
        let (left, right) = (self.expr(&binary.left)?, self.expr(&binary.right)?);
        Ok(match binary.op {
            ast::BinOpKind::Concat => {
                let size = Size { units: left.units + right.units, number: false };
                self.built(size, whole)?;
                size
            }
            ast::BinOpKind::Add if left.number && right.number => NUMBER,
            ast::BinOpKind::Add => {
                let size = Size { units: left.units + right.units, number: false };
                self.built(size, whole)?;
                size
            }
            ast::BinOpKind::Mul => {
                self.repeated((left, &binary.left), (right, &binary.right)).ok_or_else(|| {
                    too_large("multiplying a text or a list that often", whole.span().start_line)
                })?
            }
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => left.with(right),
            _ => NUMBER,
        })
    }

    fn filter(&mut self, filter: &ast::Filter<'a>, line: u16) -> Result<Size> {
        let input = match &filter.expr {
            Some(expr) => self.expr(expr)?,
            None => ONE,
        };
        let arguments = self.arguments(&filter.args)?;
        if !FILTERS.contains(&filter.name) {
            return Err(unknown("filter", filter.name, &FILTERS, line));
        }
        match filter.name {
            "int" | "float" | "round" | "abs" | "length" | "count" | "bool" => return Ok(NUMBER),
            _ if input.units.max(arguments) > BUILT_UNITS => return Err(too_large("filtering it", line)),
            _ => {}
        }
        Ok(match filter.name {
            "tojson" | "replace" | "join" | "indent" => ONE,
            "default" | "d" => Size { units: input.units.max(arguments), number: false },
            "escape" | "e" | "urlencode" | "string" | "upper" | "lower" => {
                Size { units: input.units * 6.0, number: false }
            }
            _ => Size { units: input.units + arguments, number: false },
        })
    }

    fn call(&mut self, call: &ast::Call<'a>) -> Result<Size> {
        let arguments = self.arguments(&call.args)?;
        match &call.expr {
            ast::Expr::Var(name) if self.local(name.id).is_none() => match name.id {
                "range" => Ok(ONE),
                "dict" => Ok(Size { units: arguments + 0.01, number: false }),
                other => Err(Error::syntax(format!(
                    "there is no function `{other}`; there are `range` and `dict`, and filters such as `{{{{ x | length }}}}`"
                ))
                .at_line(name.span().start_line.into())),
            },
            callee => {
                self.expr(callee)?;
                Ok(Size { units: ONE.units + arguments, number: false })
            }
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'a>]) -> Result<f64> {
        let mut units = 0.0;
        for argument in arguments {
            let (ast::CallArg::Pos(expr)
            | ast::CallArg::Kwarg(_, expr)
            | ast::CallArg::PosSplat(expr)
            | ast::CallArg::KwargSplat(expr)) = argument;
            let size = self.expr(expr)?;
            self.built(size, expr)?;
            units += size.units;
        }
        Ok(units)
    }

    /// A name with the members after it, as far as they are written out.
    fn path(&mut self, expr: &ast::Expr<'a>) -> Result<Size> {
        let mut members = Vec::new();
        let mut at = expr;
        loop {
            match at {
                ast::Expr::Var(name) => {
                    if let Some(size) = self.local(name.id) {
                        return Ok(Size { number: size.number && members.is_empty(), ..size });
                    }
                    let mut path = vec![name.id.to_owned()];
                    path.extend(members.into_iter().rev());
                    self.references.add(path, name.span().start_line.into());
                    return Ok(ONE);
                }
                ast::Expr::GetAttr(attr) => {
                    members.push(attr.name.to_owned());
                    at = &attr.expr;
                }
                ast::Expr::GetItem(item) => {
                    match &item.subscript_expr {
                        ast::Expr::Const(constant) if constant.value.as_str().is_some() => {
                            members.push(constant.value.as_str().unwrap_or_default().to_owned());
                        }
                        subscript => {
                            // What comes after a computed subscript says nothing about the path before it.
                            members.clear();
                            self.expr(subscript)?;
                        }
                    }
                    at = &item.expr;
                }
                other => return self.expr(other),
            }
        }
    }

    /// A product's size; `None` if a text or a list might be repeated too often.
    fn repeated(&self, left: (Size, &ast::Expr<'a>), right: (Size, &ast::Expr<'a>)) -> Option<Size> {
        if left.0.number && right.0.number {
            return Some(NUMBER);
        }
        let times = |expr: &ast::Expr<'_>| match expr {
            ast::Expr::Const(constant) => f64::try_from(constant.value.clone()).ok().map(f64::abs),
            _ => None,
        };
        match (times(left.1), times(right.1)) {
            (Some(times), _) if times <= REPEATS => {
                Some(Size { units: right.0.units * times, number: false })
            }
            (_, Some(times)) if times <= REPEATS => Some(Size { units: left.0.units * times, number: false }),
            // Two values of the context: most likely numbers. If not, the engine bounds the repetition, and the
            // result may be printed (bounded), compared or turned into a number, but nothing may be made of it.
            (None, None) if self.plain(left) && self.plain(right) => {
                Some(Size { units: f64::INFINITY, number: false })
            }
            _ => None,
        }
    }

    /// A number, or a path into the context: surely no tuple, which the engine repeats at once instead of lazily.
    fn plain(&self, (size, expr): (Size, &ast::Expr<'a>)) -> bool {
        let mut at = expr;
        loop {
            match at {
                _ if size.number => return true,
                ast::Expr::Var(name) => return self.local(name.id).is_none(),
                ast::Expr::GetAttr(attr) => at = &attr.expr,
                ast::Expr::GetItem(item) => at = &item.expr,
                _ => return false,
            }
        }
    }

    fn built(&self, size: Size, expr: &ast::Expr<'a>) -> Result<()> {
        if size.units > BUILT_UNITS { Err(too_large("this", expr.span().start_line)) } else { Ok(()) }
    }
}

fn too_large(what: &str, line: u16) -> Error {
    Error::limit(format!(
        "{what} could build too large a value; if these are numbers, put `| int` or `| float` after them"
    ))
    .at_line(line.into())
}

fn unknown(what: &str, name: &str, known: &[&str], line: u16) -> Error {
    Error::syntax(format!("there is no {what} `{name}`; there are {}", known.join(", "))).at_line(line.into())
}

fn not_offered(what: &str, line: u16) -> Error {
    Error::syntax(format!("{what} is not available in templates here")).at_line(line.into())
}
