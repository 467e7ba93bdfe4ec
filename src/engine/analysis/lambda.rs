//! Lambdas. The dialect that statements are parsed with takes `x -> x + 1` for an operator between `x` and what follows;
//! here it becomes a lambda again. Lambdas of two parameters become such of one, over pairs.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Function, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax,
    OneOrManyWithParens, UnaryOperator, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::call::{arguments_mut, arguments_of, call, place_of, taken, text};

/// The functions whose arguments can be lambdas.
const TAKING: &[&str] = &[
    "all_match",
    "any_match",
    "array_any_match",
    "array_filter",
    "array_first",
    "array_transform",
    "filter",
    "list_any_match",
    "list_filter",
    "list_transform",
    "map_filter",
    "none_match",
    "reduce",
    "reduce_agg",
    "transform",
    "transform_keys",
    "transform_values",
    "zip_with",
];

/// Makes lambdas of a call's arguments, if the function takes lambdas.
pub(super) fn read(name: &str, function: &mut Function) {
    if !TAKING.contains(&name) {
        return;
    }
    for argument in arguments_mut(function).into_iter().flatten() {
        let Some(params) = parameters(argument) else { continue };
        let mut body = taken(argument);
        let _ = body.visit(&mut Arrays);
        for param in &params {
            // A field of a row: the engine knows `get_field(x, 'a')`, but takes `x.a` for a column.
            replace(&mut body, param, &Expr::Identifier(param.clone()));
        }
        *argument = lambda(params, body);
    }
}

/// A lambda.
pub(super) fn lambda(params: Vec<Ident>, body: Expr) -> Expr {
    let mut params: Vec<_> = params.into_iter().map(|name| LambdaFunctionParameter { name, data_type: None }).collect();
    let params = match (params.pop(), params.is_empty()) {
        (Some(one), true) => OneOrManyWithParens::One(one),
        (last, _) => OneOrManyWithParens::Many(params.into_iter().chain(last).collect()),
    };
    Expr::Lambda(LambdaFunction { params, body: Box::new(body), syntax: LambdaSyntax::Arrow })
}

/// Takes `x ->` or `(x, y) ->` off the beginning of an expression, wherever the operators' precedence put it.
fn parameters(expr: &mut Expr) -> Option<Vec<Ident>> {
    let mut at = expr;
    loop {
        if let Expr::BinaryOp { left, op: BinaryOperator::Arrow, right } = at
            && let Some(params) = names(left)
        {
            let body = taken(right);
            *at = body;
            return Some(params);
        }
        at = match at {
            Expr::BinaryOp { left: first, .. }
            | Expr::IsTrue(first)
            | Expr::IsNotTrue(first)
            | Expr::IsFalse(first)
            | Expr::IsNotFalse(first)
            | Expr::IsNull(first)
            | Expr::IsNotNull(first)
            | Expr::IsUnknown(first)
            | Expr::IsNotUnknown(first)
            | Expr::IsDistinctFrom(first, _)
            | Expr::IsNotDistinctFrom(first, _)
            | Expr::InList { expr: first, .. }
            | Expr::InSubquery { expr: first, .. }
            | Expr::Between { expr: first, .. }
            | Expr::Like { expr: first, .. }
            | Expr::ILike { expr: first, .. }
            | Expr::SimilarTo { expr: first, .. }
            | Expr::AnyOp { left: first, .. }
            | Expr::AllOp { left: first, .. }
            | Expr::AtTimeZone { timestamp: first, .. }
            | Expr::Cast { kind: CastKind::DoubleColon, expr: first, .. } => first,
            _ => return None,
        };
    }
}

fn names(expr: &Expr) -> Option<Vec<Ident>> {
    let name = |expr: &Expr| match expr {
        Expr::Identifier(ident) => Some(ident.clone()),
        _ => None,
    };
    match expr {
        Expr::Identifier(ident) => Some(vec![ident.clone()]),
        Expr::Nested(inner) => Some(vec![name(inner)?]),
        Expr::Tuple(all) => all.iter().map(name).collect(),
        _ => None,
    }
}

/// Array literals as calls: the engine does not look for a lambda's parameters in the elements of a literal.
struct Arrays;

impl VisitorMut for Arrays {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Array(array) = expr {
            *expr = call("make_array", std::mem::take(&mut array.elem), Span::empty());
        }
        ControlFlow::Continue(())
    }
}

fn same(left: &Ident, right: &Ident) -> bool {
    match (left.quote_style, right.quote_style) {
        (None, None) => left.value.eq_ignore_ascii_case(&right.value),
        _ => left.value == right.value,
    }
}

/// Puts an expression in the place of a name, and of the fields of a row of that name.
fn replace(body: &mut Expr, param: &Ident, with: &Expr) {
    let _ = body.visit(&mut Replacing { param, with });
}

struct Replacing<'a> {
    param: &'a Ident,
    with: &'a Expr,
}

impl VisitorMut for Replacing<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if same(ident, self.param) => *expr = self.with.clone(),
            Expr::CompoundIdentifier(parts) => {
                if let Some((first, fields)) = parts.split_first()
                    && same(first, self.param)
                {
                    let field =
                        |of, field: &Ident| call("get_field", vec![of, text(&field.value, field.span)], field.span);
                    *expr = fields.iter().fold(self.with.clone(), field);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a lambda inside has a parameter of one of these names.
fn is_shadowed(body: &mut Expr, params: &[Ident]) -> bool {
    struct Looking<'a>(&'a [Ident]);
    impl VisitorMut for Looking<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let Expr::Lambda(lambda) = expr else { return ControlFlow::Continue(()) };
            let clash = lambda.params.iter().any(|inner| self.0.iter().any(|outer| same(&inner.name, outer)));
            if clash { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    body.visit(&mut Looking(params)).is_break()
}

/// Takes the two parameters and the body of an argument that is a lambda of two. None if a lambda inside hides one.
fn pair(argument: &mut Expr) -> Option<(Ident, Ident, Expr)> {
    let Expr::Lambda(lambda) = argument else { return None };
    let params: Vec<Ident> = lambda.params.iter().map(|param| param.name.clone()).collect();
    let [first, second] = params.as_slice() else { return None };
    if is_shadowed(&mut lambda.body, &params) {
        return None;
    }
    Some((first.clone(), second.clone(), taken(&mut lambda.body)))
}

/// A lambda over pairs, whose fields are named, from one over two parameters.
struct Pairs {
    pair: Ident,
    place: Span,
}

impl Pairs {
    fn field(&self, name: &str) -> Expr {
        call("get_field", vec![Expr::Identifier(self.pair.clone()), text(name, self.place)], self.place)
    }

    fn body(&self, argument: &mut Expr, fields: [&str; 2]) -> Option<Expr> {
        let (first, second, mut body) = pair(argument)?;
        let [left, right] = fields.map(|name| self.field(name));
        replace(&mut body, &first, &left);
        replace(&mut body, &second, &right);
        Some(body)
    }

    fn entry(&self, key: Expr, value: Expr) -> Expr {
        let named = vec![text("key", self.place), key, text("value", self.place), value];
        call("named_struct", named, self.place)
    }
}

/// Rewrites the calls whose lambdas need more than another name. `number` is different for each.
pub(super) fn rewritten(name: &str, function: &mut Function, number: usize) -> Option<Expr> {
    let place = place_of(function);
    let pairs = Pairs { pair: Ident::with_span(place, format!("pair_{number}")), place };
    let entries = |map: &mut Expr| call("map_entries", vec![taken(map)], place);
    match name {
        "all_match" => negate(function),
        "zip_with" => {
            let [left, right, merge] = <[&mut Expr; 3]>::try_from(arguments_mut(function)?).ok()?;
            let body = pairs.body(merge, ["1", "2"])?;
            let zipped = call("arrays_zip", vec![taken(left), taken(right)], place);
            Some(call("array_transform", vec![zipped, lambda(vec![pairs.pair.clone()], body)], place))
        }
        "map_filter" | "transform_values" | "transform_keys" => {
            let [map, with] = <[&mut Expr; 2]>::try_from(arguments_mut(function)?).ok()?;
            let body = pairs.body(with, ["key", "value"])?;
            let (each, made, of) = match name {
                "map_filter" => ("array_filter", body, "map_of_first"),
                "transform_values" => ("array_transform", pairs.entry(pairs.field("key"), body), "map_of_first"),
                _ => ("array_transform", pairs.entry(body, pairs.field("value")), "map_from_entries"),
            };
            let changed = call(each, vec![entries(map), lambda(vec![pairs.pair.clone()], made)], place);
            Some(call(of, vec![changed], place))
        }
        _ => None,
    }
}

/// `all_match(a, x -> p)` is `NOT any_match(a, x -> NOT p)`. The NOT before it comes with the spelling of the name.
fn negate(function: &mut Function) -> Option<Expr> {
    if let Some(Expr::Lambda(lambda)) = arguments_mut(function)?.into_iter().nth(1) {
        let body = taken(&mut lambda.body);
        *lambda.body = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(body))) };
    }
    None
}

/// `reduce_agg(x, initial, step, combine)`, whose aggregate is `array_agg`.
pub(super) fn reduce_agg(function: &Function) -> Option<Vec<Expr>> {
    let arguments = arguments_of(function)?;
    let [input, initial, step, _] = arguments.as_slice() else { return None };
    Some(vec![(*input).clone(), (*initial).clone(), (*step).clone()])
}
