//! The interpreter: walks the tree, pays fuel for every step. The tree's depth was bounded before.
//! Not here: named functions (`functions`), comparing values (`compare`).

use super::{functions, value::Val};
use crate::{Error, Result, context::Tree};
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap, rc::Rc};

/// Steps of one evaluation: enough for a macro over half a million items.
const FUEL: u64 = 5_000_000;

pub(super) struct Evaluator<'a> {
    roots: &'a BTreeMap<Cow<'a, str>, Tree<'a>>,
    scope: Vec<(&'a str, Val<'a>)>,
    fuel: u64,
    pub(super) patterns: BTreeMap<String, regex::Regex>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(roots: &'a BTreeMap<Cow<'a, str>, Tree<'a>>) -> Self {
        Self { roots, scope: Vec::new(), fuel: FUEL, patterns: BTreeMap::new() }
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<()> {
        self.fuel = self
            .fuel
            .checked_sub(steps as u64)
            .ok_or_else(|| Error::limit("the expression takes too many steps"))?;
        Ok(())
    }

    /// Pays for looking at so many bytes.
    pub(super) fn look_at(&mut self, bytes: usize) -> Result<()> {
        self.spend(bytes / 256)
    }

    /// Pays for making so many bytes.
    pub(super) fn make(&mut self, bytes: usize) -> Result<()> {
        self.spend(1 + bytes / 16)
    }

    pub(super) fn built(&mut self, text: String) -> Result<Val<'a>> {
        self.make(text.len())?;
        Ok(Val::Built(text.into()))
    }

    pub(super) fn eval(&mut self, expr: &'a IdedExpr) -> Result<Val<'a>> {
        self.spend(1)?;
        match &expr.expr {
            Expr::Literal(literal) => literal_value(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => {
                let operand = self.eval(&select.operand)?;
                if select.test {
                    return match &operand {
                        Val::Null => Ok(Val::Bool(false)),
                        _ if operand.is_list() || operand.len().is_none() => {
                            Err(no_members(&operand, &select.field))
                        }
                        _ => Ok(Val::Bool(operand.member(&select.field).is_some())),
                    };
                }
                match operand.member(&select.field) {
                    Some(value) => Ok(value),
                    None => Err(no_members(&operand, &select.field)),
                }
            }
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::CONDITIONAL, [condition, yes, no]) => match self.eval(condition)? {
                    Val::Bool(true) => self.eval(yes),
                    Val::Bool(false) => self.eval(no),
                    other => {
                        Err(Error::evaluation(format!("`?` needs true or false, not {}", other.type_name())))
                    }
                },
                (operators::LOGICAL_AND, [left, right]) => self.logical(left, right, false),
                (operators::LOGICAL_OR, [left, right]) => self.logical(left, right, true),
                (name, [operand]) if name == operators::NOT_STRICTLY_FALSE => {
                    Ok(Val::Bool(!matches!(self.eval(operand), Ok(Val::Bool(false)))))
                }
                (operators::LOGICAL_NOT, [operand]) => match self.eval(operand)? {
                    Val::Bool(truth) => Ok(Val::Bool(!truth)),
                    other => {
                        Err(Error::evaluation(format!("`!` needs true or false, not {}", other.type_name())))
                    }
                },
                (operators::NEGATE, [operand]) => match self.eval(operand)? {
                    Val::Int(int) => int.checked_neg().map(Val::Int).ok_or_else(overflow),
                    Val::Double(double) => Ok(Val::Double(-double)),
                    other => Err(Error::evaluation(format!("`-` needs a number, not {}", other.type_name()))),
                },
                (operator, [left, right]) if call.target.is_none() && functions::is_operator(operator) => {
                    let (left, right) = (self.eval(left)?, self.eval(right)?);
                    self.binary(operator, &left, &right)
                }
                (function, arguments) => {
                    let mut values = Vec::with_capacity(arguments.len() + 1);
                    if let Some(target) = &call.target {
                        values.push(self.eval(target)?);
                    }
                    for argument in arguments {
                        values.push(self.eval(argument)?);
                    }
                    functions::call(self, function, &values)
                }
            },
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.eval(item)).collect::<Result<Vec<_>>>()?;
                Ok(Val::List(Rc::new(items)))
            }
            Expr::Map(map) => {
                let mut entries: Vec<(Val<'a>, Val<'a>)> = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let key = self.eval(&entry.key)?;
                    if !matches!(key, Val::Text(_) | Val::Built(_) | Val::Int(_) | Val::Bool(_)) {
                        return Err(Error::evaluation(format!("{} cannot be a key", key.type_name())));
                    }
                    for (other, _) in &entries {
                        if self.equal(other, &key, 0)? {
                            return Err(Error::evaluation("a key is given twice"));
                        }
                    }
                    let value = self.eval(&entry.value)?;
                    entries.push((key, value));
                }
                Ok(Val::Map(Rc::new(entries)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Err(Error::syntax("not a valid expression")),
        }
    }

    fn name(&mut self, name: &'a str) -> Result<Val<'a>> {
        if let Some((_, value)) = self.scope.iter().rev().find(|(local, _)| *local == name) {
            return Ok(value.clone());
        }
        if let Some(tree) = self.roots.get(name.trim_start_matches('.')) {
            return Ok(Val::tree(tree));
        }
        match super::TYPES.into_iter().find(|known| *known == name) {
            Some(known) => Ok(Val::Type(known)),
            None => Err(Error::undefined(format!("`{name}` is not defined"))),
        }
    }

    /// `&&` and `||`: a side that decides makes an error of the other irrelevant, whichever comes first.
    fn logical(&mut self, left: &'a IdedExpr, right: &'a IdedExpr, decides: bool) -> Result<Val<'a>> {
        let truth = |value: Result<Val<'a>>| match value {
            Ok(Val::Bool(truth)) => Ok(truth),
            Ok(other) => {
                Err(Error::evaluation(format!("`&&` and `||` need true or false, not {}", other.type_name())))
            }
            Err(error) => Err(error),
        };
        let left = truth(self.eval(left));
        if left == Ok(decides) {
            return Ok(Val::Bool(decides));
        }
        let right = truth(self.eval(right));
        if right == Ok(decides) {
            return Ok(Val::Bool(decides));
        }
        left.and(right).map(Val::Bool)
    }

    fn comprehension(&mut self, macro_: &'a ComprehensionExpr) -> Result<Val<'a>> {
        let range = self.eval(&macro_.iter_range)?;
        self.spend(range.len().unwrap_or_default())?;
        let turns = range.turns().ok_or_else(|| {
            Error::evaluation(format!("macros run over lists and maps, not {}", range.type_name()))
        })?;
        let scope = self.scope.len();
        let result = match append_step(macro_) {
            Some((guard, item)) => self.append(macro_, turns, guard, item),
            None => self.fold(macro_, turns),
        };
        self.scope.truncate(scope);
        result
    }

    /// `map` and `filter`: their step appends to the result, here in place instead of to a copy of it.
    fn append(
        &mut self,
        macro_: &'a ComprehensionExpr,
        turns: Vec<Val<'a>>,
        guard: Option<&'a IdedExpr>,
        item: &'a IdedExpr,
    ) -> Result<Val<'a>> {
        let mut items = Vec::new();
        for turn in turns {
            self.scope.push((&macro_.iter_var, turn));
            let keep = match guard.map(|guard| self.eval(guard)).transpose()? {
                None | Some(Val::Bool(true)) => true,
                Some(Val::Bool(false)) => false,
                Some(other) => {
                    return Err(Error::evaluation(format!(
                        "a filter needs true or false, not {}",
                        other.type_name()
                    )));
                }
            };
            if keep {
                items.push(self.eval(item)?);
            }
            self.scope.pop();
        }
        Ok(Val::List(Rc::new(items)))
    }

    fn fold(&mut self, macro_: &'a ComprehensionExpr, turns: Vec<Val<'a>>) -> Result<Val<'a>> {
        let mut result = self.eval(&macro_.accu_init)?;
        // In `all` and `exists`, a later item that decides makes an earlier error irrelevant.
        let may_decide = matches!(&macro_.loop_step.expr, Expr::Call(call)
            if matches!(call.func_name.as_str(), operators::LOGICAL_AND | operators::LOGICAL_OR));
        let mut pending = None;
        for turn in turns {
            self.scope.push((&macro_.accu_var, result.clone()));
            if matches!(self.eval(&macro_.loop_cond)?, Val::Bool(false)) {
                self.scope.pop();
                break;
            }
            self.scope.push((&macro_.iter_var, turn));
            match self.eval(&macro_.loop_step) {
                Ok(next) => result = next,
                Err(error) if may_decide && self.fuel > 0 => {
                    pending.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
            self.scope.truncate(self.scope.len() - 2);
        }
        if let Some(error) = pending {
            let decided = match &macro_.loop_step.expr {
                Expr::Call(call) => call.func_name == operators::LOGICAL_OR,
                _ => false,
            };
            if !matches!(result, Val::Bool(truth) if truth == decided) {
                return Err(error);
            }
        }
        self.scope.push((&macro_.accu_var, result));
        self.eval(&macro_.result)
    }

    fn binary(&mut self, operator: &str, left: &Val<'a>, right: &Val<'a>) -> Result<Val<'a>> {
        match operator {
            operators::EQUALS => self.equal(left, right, 0).map(Val::Bool),
            operators::NOT_EQUALS => self.equal(left, right, 0).map(|equal| Val::Bool(!equal)),
            operators::LESS => {
                self.order(left, right, "<").map(|order| Val::Bool(order == Some(Ordering::Less)))
            }
            operators::GREATER => {
                self.order(left, right, ">").map(|order| Val::Bool(order == Some(Ordering::Greater)))
            }
            operators::LESS_EQUALS => {
                self.order(left, right, "<=").map(|order| Val::Bool(order.is_some_and(Ordering::is_le)))
            }
            operators::GREATER_EQUALS => {
                self.order(left, right, ">=").map(|order| Val::Bool(order.is_some_and(Ordering::is_ge)))
            }
            operators::IN => self.contains(right, left).map(Val::Bool),
            operators::INDEX => self.index(left, right),
            _ => self.arithmetic(operator, left, right),
        }
    }

    fn arithmetic(&mut self, operator: &str, left: &Val<'a>, right: &Val<'a>) -> Result<Val<'a>> {
        if let (Val::Int(left), Val::Int(right)) = (left, right) {
            let result = match operator {
                operators::ADD => left.checked_add(*right),
                operators::SUBSTRACT => left.checked_sub(*right),
                operators::MULTIPLY => left.checked_mul(*right),
                _ if *right == 0 => return Err(Error::evaluation("division by zero")),
                operators::DIVIDE => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            return result.map(Val::Int).ok_or_else(overflow);
        }
        if let (Some(left), Some(right)) = (left.number(), right.number()) {
            return Ok(Val::Double(match operator {
                operators::ADD => left + right,
                operators::SUBSTRACT => left - right,
                operators::MULTIPLY => left * right,
                operators::DIVIDE => left / right,
                _ => return Err(Error::evaluation("`%` needs whole numbers")),
            }));
        }
        if operator == operators::ADD {
            if let (Some(left), Some(right)) = (left.text(), right.text()) {
                self.make(left.len() + right.len())?;
                return Ok(Val::Built([left, right].concat().into()));
            }
            if left.is_list() && right.is_list() {
                self.spend(2 * (left.len().unwrap_or_default() + right.len().unwrap_or_default()))?;
                let mut items = left.turns().unwrap_or_default();
                items.extend(right.turns().unwrap_or_default());
                return Ok(Val::List(Rc::new(items)));
            }
        }
        let sign = operator.trim_matches('_');
        Err(Error::evaluation(format!(
            "`{sign}` does not go with {} and {}",
            left.type_name(),
            right.type_name()
        )))
    }

    pub(super) fn index(&mut self, value: &Val<'a>, key: &Val<'a>) -> Result<Val<'a>> {
        if value.is_list() {
            let ix = match key {
                Val::Int(ix) => usize::try_from(*ix).ok(),
                Val::Double(ix) if ix.fract() == 0.0 && *ix >= 0.0 => Some(*ix as usize),
                _ => return Err(Error::evaluation(format!("a list has no item {}", key.type_name()))),
            };
            return ix.and_then(|ix| value.item(ix)).ok_or_else(|| {
                Error::undefined(format!("the list has only {} items", value.len().unwrap_or_default()))
            });
        }
        match (key.text(), value) {
            (Some(name), _) => value.member(name).ok_or_else(|| no_members(value, name)),
            (None, Val::Map(entries)) => {
                for (other, found) in entries.iter() {
                    if self.equal(other, key, 0)? {
                        return Ok(found.clone());
                    }
                }
                Err(Error::undefined("the map has no such key"))
            }
            _ => Err(Error::evaluation(format!("{} has no member {}", value.type_name(), key.type_name()))),
        }
    }
}

fn literal_value(literal: &LiteralValue) -> Result<Val<'_>> {
    Ok(match literal {
        LiteralValue::Null => Val::Null,
        LiteralValue::Boolean(truth) => Val::Bool(*truth.inner()),
        LiteralValue::Int(int) => Val::Int(*int.inner()),
        LiteralValue::UInt(int) => match i64::try_from(*int.inner()) {
            Ok(int) => Val::Int(int),
            Err(_) => Val::Double(*int.inner() as f64),
        },
        LiteralValue::Double(double) => Val::Double(*double.inner()),
        LiteralValue::String(text) => Val::Text(text.inner()),
        LiteralValue::Bytes(_) => return Err(Error::syntax("bytes are not available here")),
    })
}

/// The guard and the item of a step of the form `result + [item]`, with or without `guard ? … : result`.
fn append_step(macro_: &ComprehensionExpr) -> Option<(Option<&IdedExpr>, &IdedExpr)> {
    let is_result = |expr: &IdedExpr| matches!(&expr.expr, Expr::Ident(name) if *name == macro_.accu_var);
    let appended = |expr: &'_ IdedExpr| -> bool {
        matches!(&expr.expr, Expr::Call(call) if call.func_name == operators::ADD && call.args.len() == 2
            && is_result(&call.args[0])
            && matches!(&call.args[1].expr, Expr::List(list) if list.elements.len() == 1))
    };
    if !is_result(&macro_.result) {
        return None;
    }
    let (guard, step) = match &macro_.loop_step.expr {
        Expr::Call(call)
            if call.func_name == operators::CONDITIONAL
                && call.args.len() == 3
                && is_result(&call.args[2]) =>
        {
            (Some(&call.args[0]), &call.args[1])
        }
        _ => (None, &macro_.loop_step),
    };
    if !appended(step) {
        return None;
    }
    match &step.expr {
        Expr::Call(call) => match &call.args.get(1)?.expr {
            Expr::List(list) => Some((guard, list.elements.first()?)),
            _ => None,
        },
        _ => None,
    }
}

fn overflow() -> Error {
    Error::evaluation("the number is too large")
}

fn no_members(value: &Val<'_>, name: &str) -> Error {
    match value {
        Val::Object(_) | Val::Members(_) | Val::Map(_) => {
            Error::undefined(format!("there is no member `{name}`"))
        }
        Val::Null => Error::undefined(format!("null has no member `{name}`")),
        other => Error::evaluation(format!("{} has no member `{name}`", other.type_name())),
    }
}
