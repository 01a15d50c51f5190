//! Which points a filter leaves. Conditions that are not known are refused. Not here: what is done with them.

use super::state::Point;
use qdrant_client::qdrant::{
    Condition, FieldCondition, Filter, PointId, Range, Value, condition::ConditionOneOf, r#match::MatchValue,
    point_id::PointIdOptions, value::Kind,
};
use tonic::Status;

/// An id as text; numbers are not ids of ours.
pub(super) fn id_text(id: Option<PointId>) -> Result<String, Status> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(id)) => Ok(id),
        _ => Err(Status::invalid_argument("Unable to parse UUID")),
    }
}

/// Whether a filter leaves this point; no filter leaves all.
pub(super) fn leaves(filter: Option<&Filter>, id: &str, point: &Point) -> Result<bool, Status> {
    let Some(filter) = filter else { return Ok(true) };
    if filter.min_should.is_some() {
        return Err(Status::unimplemented("min_should"));
    }
    for condition in &filter.must {
        if !holds(condition, id, point)? {
            return Ok(false);
        }
    }
    for condition in &filter.must_not {
        if holds(condition, id, point)? {
            return Ok(false);
        }
    }
    let mut any = filter.should.is_empty();
    for condition in &filter.should {
        any |= holds(condition, id, point)?;
    }
    Ok(any)
}

fn holds(condition: &Condition, id: &str, point: &Point) -> Result<bool, Status> {
    match &condition.condition_one_of {
        Some(ConditionOneOf::Filter(filter)) => leaves(Some(filter), id, point),
        Some(ConditionOneOf::HasId(ids)) => {
            let ids: Result<Vec<_>, _> = ids.has_id.iter().cloned().map(|id| id_text(Some(id))).collect();
            Ok(ids?.iter().any(|known| known == id))
        }
        Some(ConditionOneOf::Field(field)) => field_holds(field, point.payload.get(&field.key)),
        other => Err(Status::unimplemented(format!("condition {other:?}"))),
    }
}

fn field_holds(field: &FieldCondition, value: Option<&Value>) -> Result<bool, Status> {
    let kind = value.and_then(|value| value.kind.as_ref());
    match (&field.r#match, &field.range) {
        (Some(wanted), None) => match (&wanted.match_value, kind) {
            (Some(MatchValue::Keyword(wanted)), Some(Kind::StringValue(value))) => Ok(wanted == value),
            (Some(MatchValue::Integer(wanted)), Some(Kind::IntegerValue(value))) => Ok(wanted == value),
            (Some(MatchValue::Keyword(_) | MatchValue::Integer(_)), _) => Ok(false),
            (other, _) => Err(Status::unimplemented(format!("match {other:?}"))),
        },
        (None, Some(range)) => Ok(number(kind).is_some_and(|number| within(range, number))),
        _ => Err(Status::unimplemented(format!("condition on {}", field.key))),
    }
}

fn number(kind: Option<&Kind>) -> Option<f64> {
    match kind? {
        Kind::IntegerValue(value) => Some(*value as f64),
        Kind::DoubleValue(value) => Some(*value),
        _ => None,
    }
}

fn within(range: &Range, number: f64) -> bool {
    range.lt.is_none_or(|limit| number < limit)
        && range.lte.is_none_or(|limit| number <= limit)
        && range.gt.is_none_or(|limit| number > limit)
        && range.gte.is_none_or(|limit| number >= limit)
}
