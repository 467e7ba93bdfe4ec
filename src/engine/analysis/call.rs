//! Calls in a syntax tree: read, made, and filled in from a [`Template`](super::templates::Template).

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Value, VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

/// The name of a plain call: of one part, not quoted, in lower case.
pub(super) fn name_of(function: &Function) -> Option<String> {
    let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else { return None };
    let plain = ident.quote_style.is_none()
        && !function.uses_odbc_syntax
        && matches!(function.parameters, FunctionArguments::None);
    plain.then(|| ident.value.to_ascii_lowercase())
}

/// The arguments of a call, if they are all plain expressions.
pub(super) fn arguments_of(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// As [`arguments_of`], to change them.
pub(super) fn arguments_mut(function: &mut Function) -> Option<Vec<&mut Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    list.args
        .iter_mut()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// Whether a call has none of the clauses that only aggregates and windows have.
pub(super) fn is_bare(function: &Function) -> bool {
    let clauses = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some() || !list.clauses.is_empty(),
        _ => false,
    };
    !clauses
        && function.filter.is_none()
        && function.over.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
}

/// Where a call stands.
pub(super) fn place_of(function: &Function) -> Span {
    match function.name.0.first() {
        Some(ObjectNamePart::Identifier(ident)) => ident.span,
        _ => Span::empty(),
    }
}

/// A call of a function.
pub(super) fn call(name: &str, arguments: Vec<Expr>, place: Span) -> Expr {
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(place, name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A text literal.
pub(super) fn text(value: &str, place: Span) -> Expr {
    Expr::Value(sqlparser::ast::ValueWithSpan { value: Value::SingleQuotedString(value.to_owned()), span: place })
}

/// Takes an expression out and leaves NULL.
pub(super) fn taken(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

/// Changes the name of a call and nothing else.
pub(super) fn rename(function: &mut Function, name: &str) {
    if let Some(ObjectNamePart::Identifier(ident)) = function.name.0.first_mut() {
        name.clone_into(&mut ident.value);
    }
}

/// A spelling with its `$1`, `$2`, … replaced. What is new in it stands where the call stood. The clauses of `from` go to
/// the call of `aggregate` in it.
pub(super) fn filled(spelt: &str, arguments: Vec<Expr>, aggregate: Option<&str>, from: Function) -> Option<Expr> {
    let place = place_of(&from);
    let mut expr = Parser::new(&GenericDialect {}).try_with_sql(spelt).ok()?.parse_expr().ok()?;
    let mut clauses = Some(from);
    let mut filling =
        Filling { arguments: arguments.into_iter().map(Some).collect(), aggregate, clauses: &mut clauses, place };
    let _ = expr.visit(&mut filling);
    Some(expr)
}

struct Filling<'a> {
    arguments: Vec<Option<Expr>>,
    aggregate: Option<&'a str>,
    clauses: &'a mut Option<Function>,
    place: Span,
}

impl VisitorMut for Filling<'_> {
    type Break = ();

    // After the children: an argument that was filled in is not looked into.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(value) => {
                value.span = self.place;
                if let Value::Placeholder(number) = &value.value
                    && let Some(argument) = number.strip_prefix('$').and_then(|number| number.parse::<usize>().ok())
                    && let Some(argument) = argument.checked_sub(1).and_then(|index| self.arguments.get_mut(index))
                    && let Some(argument) = argument.take()
                {
                    *expr = argument;
                }
            }
            Expr::Function(function) => {
                if let Some(ObjectNamePart::Identifier(ident)) = function.name.0.first_mut() {
                    ident.span = self.place;
                    if self.aggregate == Some(ident.value.as_str())
                        && let Some(from) = self.clauses.take()
                    {
                        adopt(function, from);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Gives a call the clauses of another.
fn adopt(function: &mut Function, from: Function) {
    function.filter = from.filter;
    function.over = from.over;
    function.null_treatment = from.null_treatment;
    function.within_group = from.within_group;
    if let (FunctionArguments::List(list), FunctionArguments::List(from)) = (&mut function.args, from.args) {
        list.duplicate_treatment = from.duplicate_treatment;
        list.clauses = from.clauses;
    }
}
