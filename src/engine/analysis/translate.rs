//! Trino's spelling made the engine's, in the syntax tree.
//!
//! What is quoted, qualified, or called otherwise than Trino documents stays as it is, and is the engine's to judge. A
//! column keeps the name that it would have had: what was written.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, Ident, ListAggOnOverflow, Select, SelectItem, Statement, TableAlias, TableFactor, TypedString,
    Value, ValueWithSpan, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::call::{arguments_of, call, filled, is_bare, name_of, place_of, rename, taken};
use super::templates::{TEMPLATES, Template};
use super::{lambda, map};

/// The longest text that names a column.
const NAME_BYTES_MAX: usize = 200;

/// Rewrites a statement as the engine spells it. Positions stay: what is new stands where it was written otherwise.
pub fn translate(statement: &mut Statement) {
    let _ = statement.visit(&mut Translating::default());
}

/// As [`translate`], for a statement as the engine's parser gives it.
pub fn translate_parsed(statement: &mut datafusion::sql::parser::Statement) {
    use datafusion::sql::parser::Statement as Parsed;
    match statement {
        Parsed::Statement(statement) => translate(statement),
        Parsed::Explain(explain) => translate_parsed(&mut explain.statement),
        Parsed::CopyTo(copy) => {
            if let datafusion::sql::parser::CopyToSource::Query(query) = &mut copy.source {
                let _ = query.visit(&mut Translating::default());
            }
        }
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => {}
    }
}

#[derive(Default)]
struct Translating {
    /// What was rewritten so far, to name things differently.
    count: usize,
    /// For each SELECT that is being visited, the columns that are calls, as they were written.
    written: Vec<Vec<Option<(String, usize)>>>,
}

impl VisitorMut for Translating {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let count = self.count;
        let text = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr @ (Expr::Function(_) | Expr::Cast { .. } | Expr::TypedString(_))) => {
                Some((expr.to_string(), count)).filter(|(text, _)| text.len() <= NAME_BYTES_MAX)
            }
            _ => None,
        };
        self.written.push(select.projection.iter().map(text).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let written = self.written.pop().unwrap_or_default();
        name_casts(&mut select.projection);
        if written.iter().flatten().any(|(_, count)| *count != self.count) {
            for (item, written) in select.projection.iter_mut().zip(written) {
                if let (SelectItem::UnnamedExpr(expr), Some((text, _))) = (&mut *item, written)
                    && expr.to_string() != text
                {
                    let alias = Ident::with_quote('"', text);
                    *item = SelectItem::ExprWithAlias { expr: taken(expr), alias };
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } = factor {
            unnest(alias.as_ref(), array_exprs, with_ordinality);
        }
        ControlFlow::Continue(())
    }

    // After the children, so that what is inside was rewritten before.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let rewritten = match expr {
            Expr::Function(function) => self.function(function),
            Expr::Cast { kind, expr: inner, data_type, .. } => cast(kind, inner, data_type),
            Expr::TypedString(typed) => json_literal(typed),
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                escape(pattern, escape_char);
                None
            }
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            self.count += 1;
            *expr = rewritten;
        }
        ControlFlow::Continue(())
    }
}

impl Translating {
    fn function(&mut self, function: &mut Function) -> Option<Expr> {
        let name = name_of(function)?;
        lambda::read(&name, function);
        match name.as_str() {
            "try" => return attempt(function),
            "to_hex" => return hex_of_md5(function),
            "listagg" => return listagg(function),
            "sequence" => return sequence(function),
            "reduce_agg" => {
                let arguments = lambda::reduce_agg(function)?;
                let spelt = "reduce(array_compact(array_agg($1)), $2, $3, state -> state)";
                return self.fill_lambda(spelt, arguments, function);
            }
            "approx_percentile" => {
                if let Some(several) = percentiles(function) {
                    return Some(several);
                }
            }
            _ => {}
        }
        if let Some(rewritten) = lambda::rewritten(&name, function, self.count) {
            return Some(rewritten);
        }
        let arguments = arguments_of(function).or_else(|| no_arguments(function))?;
        let template = template(&name, arguments.len())?;
        if template.aggregate.is_none() && !is_bare(function) {
            return None;
        }
        let arguments = arguments.into_iter().cloned().collect();
        let filled = filled(template.spelt, arguments, template.aggregate, function.clone())?;
        // Operators of a spelling must not be torn apart by what stands around the call.
        Some(if matches!(filled, Expr::Function(_)) { filled } else { Expr::Nested(Box::new(filled)) })
    }

    /// As a template, with a lambda of its own in it.
    fn fill_lambda(&mut self, spelt: &str, arguments: Vec<Expr>, function: &Function) -> Option<Expr> {
        let mut filled = filled(spelt, arguments, Some("array_agg"), function.clone())?;
        if let Expr::Function(outer) = &mut filled {
            lambda::read("reduce", outer);
        }
        self.count += 1;
        Some(filled)
    }
}

/// Names the casts of what stands in a SELECT list once more. The engine names a cast as what it casts, and then finds
/// two columns of one name.
fn name_casts(projection: &mut [SelectItem]) {
    let is_cast = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(Expr::Cast { .. }));
    if projection.len() < 2 || !projection.iter().any(is_cast) {
        return;
    }
    let of = |item: &SelectItem| {
        let SelectItem::UnnamedExpr(expr) = item else { return None };
        let mut expr = expr;
        while let Expr::Cast { expr: inner, .. } = expr {
            expr = inner;
        }
        Some(expr.to_string())
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for text in projection.iter().filter_map(of) {
        *counts.entry(text).or_default() += 1;
    }
    for item in projection {
        if is_cast(item)
            && of(item).is_some_and(|text| counts.get(&text).is_some_and(|count| *count > 1))
            && let SelectItem::UnnamedExpr(expr) = item
        {
            let alias = Ident::with_quote('"', expr.to_string());
            *item = SelectItem::ExprWithAlias { expr: taken(expr), alias };
        }
    }
}

fn no_arguments(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::List(list) if list.args.is_empty() => Some(Vec::new()),
        _ => None,
    }
}

fn template(name: &str, arguments: usize) -> Option<&'static Template> {
    static KNOWN: LazyLock<HashMap<(&str, usize), &Template>> =
        LazyLock::new(|| TEMPLATES.iter().map(|template| ((template.name, template.arguments), template)).collect());
    KNOWN.get(&(name, arguments)).copied()
}

/// LIKE with an escape character of its own: the engine knows the backslash alone.
fn escape(pattern: &mut Expr, escape_char: &mut Option<ValueWithSpan>) {
    let Some(Value::SingleQuotedString(escape)) = escape_char.as_ref().map(|escape| &escape.value) else { return };
    let mut escape = escape.chars();
    let (Some(escape), None) = (escape.next(), escape.next()) else { return };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else { return };
    let mut rewritten = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter == escape => match letters.next() {
                Some(meant @ ('%' | '_' | '\\')) => rewritten.extend(['\\', meant]),
                Some(meant) => rewritten.push(meant),
                None => return,
            },
            '\\' => rewritten.push_str("\\\\"),
            other => rewritten.push(other),
        }
    }
    *text = rewritten;
    *escape_char = None;
}

/// CAST to types that the engine has under other names.
fn cast(kind: &CastKind, inner: &mut Expr, data_type: &mut DataType) -> Option<Expr> {
    match data_type {
        DataType::Varbinary(None) => {
            *data_type = DataType::Bytea;
            None
        }
        DataType::JSON => {
            let name = if *kind == CastKind::TryCast { "try_json_of" } else { "json_of" };
            Some(call(name, vec![taken(inner)], Span::empty()))
        }
        _ => None,
    }
}

/// `JSON '{}'`.
fn json_literal(typed: &TypedString) -> Option<Expr> {
    if typed.data_type != DataType::JSON {
        return None;
    }
    Some(call("json_parse", vec![Expr::Value(typed.value.clone())], typed.value.span))
}

/// `to_hex(md5(x))`: the engine's `md5` gives hexadecimal already, in lower case.
fn hex_of_md5(function: &mut Function) -> Option<Expr> {
    let place = place_of(function);
    let arguments = arguments_of(function)?;
    let [inner @ Expr::Function(md5)] = arguments.as_slice() else { return None };
    (name_of(md5)? == "md5" && is_bare(function)).then(|| call("upper", vec![(*inner).clone()], place))
}

/// `listagg(x, ', ') WITHIN GROUP (ORDER BY y)`.
fn listagg(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(FunctionArgumentList { args, clauses, .. }) = &mut function.args else { return None };
    let harmless = |clause: &FunctionArgumentClause| {
        matches!(clause, FunctionArgumentClause::OnOverflow(ListAggOnOverflow::Error))
    };
    if !clauses.iter().all(harmless) || args.is_empty() || args.len() > 2 {
        return None;
    }
    clauses.clear();
    if args.len() == 1 {
        args.push(sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(super::call::text(
            "",
            Span::empty(),
        ))));
    }
    if !function.within_group.is_empty() {
        clauses.push(FunctionArgumentClause::OrderBy(std::mem::take(&mut function.within_group)));
    }
    rename(function, "string_agg");
    Some(Expr::Function(function.clone()))
}

/// `sequence(start, stop, INTERVAL …)`: moments are the engine's `generate_series`.
fn sequence(function: &mut Function) -> Option<Expr> {
    let arguments = arguments_of(function)?;
    let [_, _, Expr::Interval(_)] = arguments.as_slice() else { return None };
    rename(function, "generate_series");
    Some(Expr::Function(function.clone()))
}

/// `approx_percentile(x, ARRAY[p, q])`, for a column: anything else would be written several times over.
fn percentiles(function: &Function) -> Option<Expr> {
    let arguments = arguments_of(function)?;
    let [of, Expr::Array(shares)] = arguments.as_slice() else { return None };
    let column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let plain = match of {
        Expr::Cast { expr, .. } => column(expr),
        other => column(other),
    };
    if !plain {
        return None;
    }
    let spelt = "approx_percentile_cont($1, $2)";
    let each = |share: &Expr| {
        filled(spelt, vec![(*of).clone(), share.clone()], Some("approx_percentile_cont"), function.clone())
    };
    let all = shares.elem.iter().map(each).collect::<Option<Vec<_>>>()?;
    Some(call("make_array", all, place_of(function)))
}

/// `try(…)`: what can fail inside gives NULL. Casts become `TRY_CAST`, a division by zero NULL, and functions of ours
/// their lenient twins.
fn attempt(function: &mut Function) -> Option<Expr> {
    let arguments = arguments_of(function)?;
    let [inner] = arguments.as_slice() else { return None };
    let mut inner = (*inner).clone();
    let _ = inner.visit(&mut Lenient);
    Some(Expr::Nested(Box::new(inner)))
}

struct Lenient;

impl VisitorMut for Lenient {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Cast { kind, .. } => *kind = CastKind::TryCast,
            Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } => {
                let zero = Expr::value(Value::Number("0".to_owned(), false));
                let divisor = taken(right);
                **right = call("nullif", vec![divisor, zero], Span::empty());
            }
            Expr::Function(function) => {
                if let Some(name) = name_of(function)
                    && can_fail(&name)
                {
                    rename(function, &format!("try_{name}"));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a function is ours and has a lenient twin.
fn can_fail(name: &str) -> bool {
    static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let all = super::scalar();
        let names = all.iter().map(|function| function.name());
        names.filter_map(|name| name.strip_prefix("try_")).map(str::to_owned).collect()
    });
    KNOWN.contains(name)
}

/// UNNEST of maps and of lists of rows, which makes several columns of one, and WITH ORDINALITY, which adds a count.
fn unnest(alias: Option<&TableAlias>, arrays: &mut Vec<Expr>, with_ordinality: &mut bool) {
    let named = alias.map_or(0, |alias| alias.columns.len());
    let columns = named.saturating_sub(usize::from(*with_ordinality));
    if let [array] = arrays.as_mut_slice()
        && (2..=map::PARTS).contains(&columns)
    {
        let array = taken(array);
        let part = |number: usize| call(&format!("unnest_part_{number}"), vec![array.clone()], Span::empty());
        *arrays = (1..=columns).map(part).collect();
    }
    if *with_ordinality && !arrays.is_empty() {
        let lengths = arrays.iter().map(|array| call("cardinality", vec![array.clone()], Span::empty())).collect();
        let one = Expr::value(Value::Number("1".to_owned(), false));
        let longest = call("greatest", lengths, Span::empty());
        arrays.push(call("generate_series", vec![one, longest], Span::empty()));
        *with_ordinality = false;
    }
}
