//! Statements that nobody thought of: seeded, mostly valid, over everything that a role can write.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::grammar::{AGGREGATES, CUSTOMER, FRAMES, KINDS, Kind, LITERALS, ODD, ORDERS, RISKY, SAFE, SESSION, WINDOWS};

/// A column that can be named.
type Column = (String, Kind);

/// Makes one statement after the other.
pub(super) struct Generator {
    chance: StdRng,
    /// How often each kind of statement was made.
    pub(super) made: BTreeMap<&'static str, usize>,
    /// The next template that is used for certain, so that each is.
    next: usize,
    next_odd: usize,
    /// Aliases of tables so far.
    aliases: usize,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        // Two generators beside each other begin at different ends.
        let next = if seed.is_multiple_of(2) { 0 } else { 140 };
        Self { chance: StdRng::seed_from_u64(seed), made: BTreeMap::new(), next, next_odd: next, aliases: 0 }
    }

    pub(super) fn statement(&mut self) -> String {
        self.aliases = 0;
        let (kind, sql) = match self.chance.random_range(0..100) {
            0..30 => ("select", self.select()),
            30..42 => ("one function", self.one_function()),
            42..54 => ("group", self.group()),
            54..62 => ("window", self.window()),
            62..68 => ("cte", self.cte()),
            68..74 => ("set operation", self.set_operation()),
            74..78 => ("lateral or correlated", self.correlated()),
            78..81 => ("recursive", self.recursive()),
            81..84 => ("values", self.values()),
            84..89 => ("explain", format!("EXPLAIN {}", self.select())),
            89..92 => ("session", self.pick(SESSION).to_owned()),
            92..95 => ("odd", self.odd()),
            _ => ("broken", self.broken()),
        };
        *self.made.entry(kind).or_default() += 1;
        sql
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.chance.random_range(0..from.len())]
    }

    fn often(&mut self, percent: u32) -> bool {
        self.chance.random_range(0..100) < percent
    }

    /// An expression of a kind.
    fn expr(&mut self, kind: Kind, columns: &[Column], depth: usize) -> String {
        let own: Vec<&String> = columns.iter().filter(|column| column.1 == kind).map(|column| &column.0).collect();
        if depth == 0 || self.often(25) {
            if own.is_empty() || self.often(20) {
                return self.pick(of(LITERALS, kind)).to_owned();
            }
            return own[self.chance.random_range(0..own.len())].clone();
        }
        let risky = self.often(7);
        let template = self.pick(of(if risky { RISKY } else { SAFE }, kind));
        self.fill(template, columns, depth - 1)
    }

    /// A template with its holes filled.
    fn fill(&mut self, template: &str, columns: &[Column], depth: usize) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let hole = after.chars().next().unwrap();
            filled.push_str(before);
            match hole {
                'k' => filled.push_str(&self.chance.random_range(0..5).to_string()),
                kind => filled.push_str(&self.expr(kind, columns, depth)),
            }
            rest = &after[2..];
        }
        filled + rest
    }

    fn any(&mut self, columns: &[Column], depth: usize) -> String {
        let kind = KINDS[self.chance.random_range(0..KINDS.len())];
        self.expr(kind, columns, depth)
    }

    fn some(&mut self, columns: &[Column], most: usize) -> Vec<String> {
        (0..self.chance.random_range(1..=most)).map(|_| self.any(columns, 2)).collect()
    }

    /// A FROM clause and what can be named of it.
    fn source(&mut self, depth: usize) -> (String, Vec<Column>) {
        let (from, columns) = self.table(depth);
        if depth == 0 || self.often(70) {
            return (from, columns);
        }
        let (other, more) = self.table(0);
        let join = self.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]);
        let all: Vec<Column> = columns.iter().cloned().chain(more.iter().cloned()).collect();
        if join == "CROSS JOIN" {
            return (format!("{from} CROSS JOIN {other}"), all);
        }
        let (left, right) = (self.expr('i', &columns, 0), self.expr('i', &more, 0));
        let residual = if self.often(40) { format!(" AND {}", self.expr('b', &all, 2)) } else { String::new() };
        if self.often(10) {
            let kind = self.pick(&["LEFT SEMI", "LEFT ANTI"]);
            return (format!("{from} {kind} JOIN {other} ON {left} = {right}{residual}"), columns);
        }
        (format!("{from} {join} {other} ON {left} = {right}{residual}"), all)
    }

    fn table(&mut self, depth: usize) -> (String, Vec<Column>) {
        self.aliases += 1;
        let alias = format!("a{}", self.aliases);
        let (name, columns) = if self.often(60) { ("customer", CUSTOMER) } else { ("orders", ORDERS) };
        let named = |columns: &[(&str, Kind)]| -> Vec<Column> {
            columns.iter().map(|(name, kind)| (format!("{alias}.{name}"), *kind)).collect()
        };
        if depth == 0 || self.often(75) {
            let name = if self.often(20) { format!("dataset_masked.{name}") } else { name.to_owned() };
            return (format!("{name} AS {alias}"), named(columns));
        }
        let (from, inner) = self.source(depth - 1);
        let kinds: Vec<Kind> = (0..4).map(|_| KINDS[self.chance.random_range(0..KINDS.len())]).collect();
        let shown: Vec<String> =
            kinds.iter().enumerate().map(|(n, kind)| format!("{} AS c{n}", self.expr(*kind, &inner, 1))).collect();
        let tail = self.where_clause(&inner) + if self.often(15) { " LIMIT 7" } else { "" };
        let own = kinds.iter().enumerate().map(|(n, kind)| (format!("{alias}.c{n}"), *kind)).collect();
        (format!("(SELECT {} FROM {from}{tail}) AS {alias}", shown.join(", ")), own)
    }

    fn where_clause(&mut self, columns: &[Column]) -> String {
        if self.often(65) { format!(" WHERE {}", self.expr('b', columns, 3)) } else { String::new() }
    }

    fn order_and_limit(&mut self, columns: &[Column]) -> String {
        let mut tail = String::new();
        if self.often(40) {
            let direction = self.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
            tail = format!(" ORDER BY {}{direction}", self.any(columns, 2));
        }
        // Joins have many rows, and to print them takes longer than to find them.
        let most = if self.often(60) { self.chance.random_range(0..30) } else { 99 };
        tail += &format!(" LIMIT {most}");
        if self.often(8) {
            tail += " OFFSET 2";
        }
        tail
    }

    fn select(&mut self) -> String {
        let (from, columns) = self.source(2);
        let shown = if self.often(15) { "*".to_owned() } else { self.some(&columns, 4).join(", ") };
        let distinct = if self.often(12) { "DISTINCT " } else { "" };
        let tail = self.where_clause(&columns);
        let order = if distinct.is_empty() { self.order_and_limit(&columns) } else { " LIMIT 20".to_owned() };
        format!("SELECT {distinct}{shown} FROM {from}{tail}{order}")
    }

    /// Every template in turn, on bare columns.
    fn one_function(&mut self) -> String {
        let templates: Vec<&str> = SAFE.iter().chain(RISKY).flat_map(|(_, all)| all.iter().copied()).collect();
        let template = templates[self.next % templates.len()];
        self.next += 1;
        let (from, columns) = self.table(0);
        let expr = self.fill(template, &columns, 0);
        match self.chance.random_range(0..4) {
            0 => format!("SELECT count(*) FROM {from} WHERE {expr} IS NOT NULL"),
            1 => format!("SELECT {expr} AS x FROM {from} ORDER BY x LIMIT 9"),
            2 => format!("SELECT {expr} AS x, count(*) FROM {from} GROUP BY 1"),
            _ => format!("SELECT {expr} FROM {from}{}", self.where_clause(&columns)),
        }
    }

    fn aggregate(&mut self, columns: &[Column]) -> String {
        let template = self.pick(AGGREGATES);
        let filter =
            if self.often(20) { format!(" FILTER (WHERE {})", self.expr('b', columns, 2)) } else { String::new() };
        self.fill(template, columns, 1) + &filter
    }

    fn group(&mut self) -> String {
        let (from, columns) = self.source(1);
        let keys = self.some(&columns, 2);
        let aggregates: Vec<String> = (0..self.chance.random_range(1..=3)).map(|_| self.aggregate(&columns)).collect();
        let tail = self.where_clause(&columns);
        if self.often(25) {
            return format!("SELECT {} FROM {from}{tail}", aggregates.join(", "));
        }
        let (shown, key) = (keys.join(", "), keys[0].clone());
        let grouping = match self.chance.random_range(0..6) {
            0 => format!("ROLLUP ({shown})"),
            1 => format!("CUBE ({shown})"),
            2 => format!("GROUPING SETS (({key}), ())"),
            _ => shown.clone(),
        };
        let marks = if grouping != shown && self.often(40) { format!(", grouping({key})") } else { String::new() };
        let having = if self.often(30) { format!(" HAVING {} > 1", self.aggregate(&columns)) } else { String::new() };
        let shown = if grouping.starts_with("GROUPING") { key } else { shown };
        format!("SELECT {shown}, {}{marks} FROM {from}{tail} GROUP BY {grouping}{having}", aggregates.join(", "))
    }

    fn window(&mut self) -> String {
        let (from, columns) = self.source(1);
        let template = self.pick(WINDOWS);
        let call = self.fill(template, &columns, 1);
        let partition = if self.often(50) { format!("PARTITION BY {} ", self.any(&columns, 1)) } else { String::new() };
        let order = self.expr('i', &columns, 1);
        let over = format!("{call} OVER ({partition}ORDER BY {order}{})", self.pick(FRAMES));
        let tail = self.where_clause(&columns);
        match self.chance.random_range(0..4) {
            0 => format!("SELECT * FROM (SELECT {over} AS w FROM {from}{tail}) AS t WHERE w IS NOT NULL LIMIT 9"),
            1 => format!("SELECT {} FROM {from}{tail} QUALIFY {over} IS NOT NULL", self.any(&columns, 1)),
            _ => format!("SELECT {}, {over} FROM {from}{tail} LIMIT 12", self.any(&columns, 1)),
        }
    }

    fn cte(&mut self) -> String {
        let (from, columns) = self.source(1);
        let (number, text) = (self.expr('i', &columns, 2), self.expr('t', &columns, 2));
        let tail = self.where_clause(&columns);
        let own = [("q.n".to_owned(), 'i'), ("q.t".to_owned(), 't')];
        let outer = self.where_clause(&own);
        let rest = match self.chance.random_range(0..3) {
            0 => format!("SELECT {} FROM q{outer}", self.any(&own, 2)),
            1 => format!("SELECT q.n, p.t FROM q JOIN q AS p ON q.n = p.n{outer} LIMIT 20"),
            _ => format!("SELECT {} FROM q{outer}", self.aggregate(&own)),
        };
        format!("WITH q AS (SELECT {number} AS n, {text} AS t FROM {from}{tail}) {rest}")
    }

    fn set_operation(&mut self) -> String {
        let kinds: Vec<Kind> = (0..2).map(|_| ['i', 't', 'd', 'f'][self.chance.random_range(0..4)]).collect();
        let mut part = |alias: usize| {
            self.aliases = alias;
            let (from, columns) = self.source(1);
            let shown: Vec<String> = kinds.iter().map(|kind| self.expr(*kind, &columns, 2)).collect();
            format!("SELECT {} FROM {from}{}", shown.join(", "), self.where_clause(&columns))
        };
        let (left, right) = (part(0), part(10));
        let operation = self.pick(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"]);
        let order = if self.often(50) { " ORDER BY 1, 2" } else { "" };
        format!("{left} {operation} {right}{order}")
    }

    fn correlated(&mut self) -> String {
        let (from, columns) = self.table(0);
        let outer = self.expr('i', &columns, 0);
        let (inner, own) = self.table(0);
        let key = self.expr('i', &own, 0);
        let condition = self.expr('b', &own, 2);
        match self.chance.random_range(0..4) {
            0 => format!(
                "SELECT {outer}, (SELECT {} FROM {inner} WHERE {key} = {outer} AND {condition}) FROM {from}",
                self.aggregate(&own)
            ),
            1 => format!(
                "SELECT {outer} FROM {from} WHERE EXISTS (SELECT 1 FROM {inner} WHERE {key} = {outer} AND {condition})"
            ),
            2 => {
                format!("SELECT {outer} FROM {from} WHERE {outer} NOT IN (SELECT {key} FROM {inner} WHERE {condition})")
            }
            _ => {
                let shown = self.any(&own, 1);
                format!(
                    "SELECT {outer}, l.x FROM {from} CROSS JOIN LATERAL (SELECT {shown} AS x FROM {inner} WHERE {key} = {outer} AND {condition}) AS l"
                )
            }
        }
    }

    fn recursive(&mut self) -> String {
        let (from, columns) = self.table(0);
        let start = self.expr('i', &columns, 1);
        let tail = self.where_clause(&columns);
        let step = if self.often(50) {
            "n + 1 FROM r WHERE n < 15"
        } else {
            "r.n + 10 FROM r JOIN customer z ON z.id = r.n WHERE r.n < 60"
        };
        format!(
            "WITH RECURSIVE r(n) AS (SELECT CAST(min({start}) AS BIGINT) FROM {from}{tail} UNION ALL SELECT {step}) SELECT count(*), max(n) FROM r"
        )
    }

    fn values(&mut self) -> String {
        let columns = [("v.column1".to_owned(), 'i'), ("v.column2".to_owned(), 't')];
        let rows: Vec<String> =
            (0..3).map(|_| format!("({}, {})", self.expr('i', &[], 0), self.expr('t', &[], 1))).collect();
        let shown = self.some(&columns, 3).join(", ");
        format!("SELECT {shown} FROM (VALUES {}) AS v{}", rows.join(", "), self.where_clause(&columns))
    }

    fn odd(&mut self) -> String {
        let (from, columns) = self.table(0);
        self.next_odd += 1;
        let template = ODD[self.next_odd % ODD.len()];
        format!("SELECT {} FROM {from}{} LIMIT 9", self.fill(template, &columns, 1), self.where_clause(&columns))
    }

    /// A statement with a word too many, too few, or in another's place.
    fn broken(&mut self) -> String {
        let sql = self.select();
        let mut words: Vec<&str> = sql.split(' ').collect();
        let at = self.chance.random_range(0..words.len());
        let other = self.chance.random_range(0..words.len());
        match self.chance.random_range(0..4) {
            0 => drop(words.remove(at)),
            1 => words.swap(at, other),
            2 => words.insert(at, words[other]),
            _ => words[at] = "secret",
        }
        words.join(" ")
    }
}

fn of(table: &'static [(Kind, &'static [&'static str])], kind: Kind) -> &'static [&'static str] {
    table.iter().find(|entry| entry.0 == kind).unwrap().1
}
