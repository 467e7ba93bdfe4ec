//! The one list of settings. It drives the unknown-key check, the environment variables, the reference page, the file
//! that `saltlake init` writes, and `saltlake config`.
//!
//! A path segment in capitals (`NAME`, `TABLE`) stands for a name that the user chooses.

use super::names::is_wildcard;
use super::value::Kind;

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Where it stands in the file: `lake.tables.NAME.location`.
    pub path: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// The value, in TOML, if nobody sets it.
    pub default: Option<&'static str>,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// The global flag that sets it.
    pub flag: Option<&'static str>,
    /// Whether the file of `saltlake init` sets it rather than showing it commented out.
    pub written: bool,
    /// Paths and TOML values to show in the file of `saltlake init`.
    pub examples: &'static [(&'static str, &'static str)],
}

impl Key {
    const fn new(path: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { path, kind, default: None, help, flag: None, written: false, examples: &[] }
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn written(mut self) -> Self {
        self.written = true;
        self
    }

    const fn examples(mut self, examples: &'static [(&'static str, &'static str)]) -> Self {
        self.examples = examples;
        self
    }

    /// Whether the path holds a name that the user chooses.
    pub fn is_open(&self) -> bool {
        self.path.split('.').any(is_wildcard)
    }

    /// The environment variable, by one rule: `SALTLAKE_<SECTION>_<KEY>`. Open settings have none.
    pub fn variable(&self) -> Option<String> {
        (!self.is_open()).then(|| format!("{VARIABLE_PREFIX}{}", self.path.replace('.', "_").to_uppercase()))
    }
}

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "SALTLAKE_";

/// Variables that are no settings: name and meaning.
pub(super) const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("SALTLAKE_CONFIG", "The settings file, as `--config`."),
    ("SALTLAKE_LOG", "What is logged to stderr, such as `info` or `saltlake=debug`."),
];

/// AWS's own variables that stand in for a setting which flags, our variables and the file leave open. The first that
/// is set counts.
pub(super) const AWS_VARIABLES: &[(&str, &str)] = &[
    ("AWS_REGION", "aws.region"),
    ("AWS_DEFAULT_REGION", "aws.region"),
    ("AWS_ENDPOINT_URL", "aws.endpoint_url"),
    ("AWS_ENDPOINT_URL_S3", "aws.endpoints.s3"),
    ("AWS_ENDPOINT_URL_MACIE2", "aws.endpoints.macie2"),
    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "aws.endpoints.secretsmanager"),
    ("AWS_ENDPOINT_URL_LAKEFORMATION", "aws.endpoints.lakeformation"),
    ("AWS_ENDPOINT_URL_STS", "aws.endpoints.sts"),
];

/// AWS's own switch: with `true`, its endpoint variables are not read.
pub(super) const AWS_IGNORE_ENDPOINTS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// Sections in the order in which they are shown, each with its meaning.
pub const SECTIONS: &[(&str, &str)] = &[
    ("lake", "The raw lake. Locations are folders, or `s3://bucket/prefix/`."),
    ("lake.tables.NAME", "A table with a place of its own. Repeat the section for each."),
    ("findings", "Where findings of personal data come from."),
    ("keys.NAME", "Where a key comes from: a reference, never the key. The key that SQL does not name is `default`."),
    ("masks", "The mask per identifier. `saltlake functions` lists the masks."),
    ("columns.TABLE", "What becomes of single columns, by table. It wins over `[masks]`."),
    ("plan", "What the plan lets pass."),
    ("masked", "Where masked tables go. Never inside the raw lake, nor around it."),
    ("grants", "Who may read what, as AWS Lake Formation has it. `[roles.NAME.select]` counts in addition."),
    ("roles.NAME", "A role that a session acts in: what it reads and how it is bounded. Repeat the section for each."),
    (
        "roles.NAME.mask.TABLE",
        "Columns that the role reads masked. The table is one's name, or `\"database.table\"`. Repeat the section for each.",
    ),
    (
        "roles.NAME.select",
        "What the role reads besides the grants, by table: one's name, `\"database.table\"` or `\"database.*\"`.",
    ),
    ("query", "Where answers are kept, and what a statement may use. A role's own limits win over these."),
    ("audit", "The log of every statement of a role."),
    ("shell", "How `saltlake shell` behaves at first; `\\pset` changes it within a session."),
    ("engine", "Limits of the query engine."),
    ("aws", "Overrides of the usual AWS configuration: profiles, SSO, web identity, instance roles."),
    ("aws.endpoints", "Endpoints of single services."),
];

const REFUSE_OR_ACCEPT: Kind = Kind::Choice(&["refuse", "accept"]);

/// Every setting, in the order in which it is shown.
pub const KEYS: &[Key] = &[
    Key::new("lake.location", Kind::Location, "The raw lake: each child folder or prefix is a table.")
        .flag("--lake")
        .written()
        .examples(&[("lake.location", r#""dataset/""#)]),
    Key::new("lake.database", Kind::Database, "The name of the raw tables' database in SQL.").default(r#""dataset""#),
    Key::new(
        "lake.known_as",
        Kind::Locations,
        "Other places by which findings know the lake, such as the bucket it was copied from.",
    )
    .default("[]")
    .examples(&[("lake.known_as", r#"["s3://raw-bucket/dataset/"]"#)]),
    Key::new(
        "lake.merge_schemas",
        Kind::Switch,
        "Whether the files of one table may differ in their columns: all are read, what a file lacks is NULL.",
    )
    .default("false"),
    Key::new(
        "lake.csv_header",
        Kind::Switch,
        "Whether CSV files begin with a line of column names. If not, columns are `column_1`, `column_2` and so on.",
    )
    .default("true"),
    Key::new(
        "lake.tables.NAME.location",
        Kind::Location,
        "The table's folder or prefix. If unset, the lake's child of the table's name.",
    )
    .examples(&[("lake.tables.orders.location", r#""elsewhere/orders/""#)]),
    Key::new(
        "lake.tables.NAME.format",
        Kind::Choice(&["parquet", "csv", "json", "avro"]),
        "The format of its files, if their names do not tell.",
    )
    .examples(&[("lake.tables.orders.format", r#""parquet""#)]),
    Key::new("lake.tables.NAME.known_as", Kind::Locations, "Other places by which findings know the table.")
        .default("[]")
        .examples(&[("lake.tables.orders.known_as", r#"["s3://raw-bucket/orders/"]"#)]),
    Key::new(
        "findings.sources",
        Kind::Sources,
        "Files, folders, `s3://` prefixes, `-` for standard input, `macie` for the live service.",
    )
    .default("[]")
    .written()
    .examples(&[("findings.sources", r#"["findings/"]"#)]),
    Key::new(
        "findings.archived",
        Kind::Choice(&["use", "ignore"]),
        "Whether archived (suppressed) findings count. The data is there all the same.",
    )
    .default(r#""use""#),
    Key::new(
        "findings.details",
        Kind::Switch,
        "Whether the detailed result that a finding points to is read when it can be.",
    )
    .default("true"),
    Key::new("findings.unlocated", REFUSE_OR_ACCEPT, "Findings that name an identifier but no column of their table.")
        .default(r#""refuse""#),
    Key::new("findings.unmapped", REFUSE_OR_ACCEPT, "Findings about objects inside the lake that belong to no table.")
        .default(r#""refuse""#),
    Key::new(
        "keys.NAME.secret",
        Kind::Secret,
        "`secretsmanager:NAME_OR_ARN`, with `#member` for one member of a JSON secret; `file:PATH`; or `env:VARIABLE`.",
    )
    .written()
    .examples(&[("keys.default.secret", r#""file:default.key""#)]),
    Key::new("keys.NAME.version", Kind::Text, "A pinned version id of a `secretsmanager:` secret.").examples(&[
        ("keys.archive.secret", r#""secretsmanager:saltlake/archive#key""#),
        ("keys.archive.version", r#""EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE""#),
    ]),
    Key::new(
        "keys.NAME.encoding",
        Kind::Choice(&["base64", "utf8", "hex"]),
        "How the stored text becomes the key's bytes.",
    )
    .default(r#""base64""#)
    .examples(&[("keys.default.encoding", r#""base64""#)]),
    Key::new("masks.default", Kind::Rule, "The mask where nothing else is said.").default(r#""salt_hash""#),
    Key::new(
        "masks.IDENTIFIER",
        Kind::Rule,
        "The mask for an identifier: one of Macie's (`CREDIT_CARD_NUMBER`), or your own as `\"custom:NAME\"`.",
    )
    .examples(&[("masks.NAME", r#""mask_redact""#), (r#"masks."custom:account_number""#, r#""mask_partial(0, 4)""#)]),
    Key::new(
        "columns.TABLE.COLUMN",
        Kind::ColumnRule,
        "`keep`, `drop`, a mask, or `{ keep = true, despite = [\"NAME\"] }` for a column kept although these \
         identifiers were found in it.",
    )
    .examples(&[
        ("columns.customer.id", r#""keep""#),
        ("columns.customer.mail", r#""mask_email""#),
        ("columns.customer.nickname", r#"{ keep = true, despite = ["NAME"] }"#),
    ]),
    Key::new(
        "plan.unreported",
        Kind::Choice(&["refuse", "keep"]),
        "A column that nobody reported and nobody declared. `keep` is written into the receipt.",
    )
    .default(r#""refuse""#),
    Key::new("masked.location", Kind::Location, "The folder or prefix of the masked tables.")
        .flag("--masked")
        .written()
        .examples(&[("masked.location", r#""masked/""#)]),
    Key::new("masked.database", Kind::Database, "The name of the masked tables' database in SQL.")
        .default(r#""dataset_masked""#),
    Key::new("masked.grace", Kind::Duration, "How long a replaced version stays readable.").default(r#""1h""#),
    Key::new(
        "masked.hold_expiry",
        Kind::Duration,
        "On S3: after how long without a sign of life a run counts as dead and another may write.",
    )
    .default(r#""1m""#),
    Key::new("masked.zstd_level", Kind::Integer { least: 1, most: 22 }, "The zstd level of masked files.").default("1"),
    Key::new(
        "grants.sources",
        Kind::GrantSources,
        "`lakeformation` for the live service; else files, folders or `s3://` prefixes with the AWS CLI's answers in \
         JSON.",
    )
    .default("[]")
    .examples(&[("grants.sources", r#"["lakeformation"]"#)]),
    Key::new("grants.catalog", Kind::Account, "The AWS account whose catalog counts.")
        .examples(&[("grants.catalog", r#""111122223333""#)]),
    Key::new(
        "grants.unmanaged",
        Kind::Choice(&["deny", "allow"]),
        "What a grant to `IAM_ALLOWED_PRINCIPALS` means: Lake Formation does not guard the table, and every role may \
         read it, or none by that.",
    )
    .default(r#""deny""#),
    Key::new("grants.default_role", Kind::Text, "The role of a session that names none.")
        .examples(&[("grants.default_role", r#""analyst""#)]),
    Key::new("grants.max_age", Kind::Duration, "Stored grants of Lake Formation that are older are not used.")
        .default(r#""1d""#),
    Key::new(
        "roles.NAME.principal",
        Kind::Text,
        "Whose grants the role has: an ARN, or a name of your own that stored grants use.",
    )
    .examples(&[("roles.analyst.principal", r#""arn:aws:iam::111122223333:role/analyst""#)]),
    Key::new("roles.NAME.groups", Kind::Texts, "Groups whose grants it has too.")
        .default("[]")
        .examples(&[("roles.analyst.groups", r#"["reporting"]"#)]),
    Key::new("roles.NAME.full_access", Kind::Switch, "Whether it reads everything as it is, raw tables too.")
        .default("false")
        .examples(&[("roles.analyst.full_access", "false")]),
    Key::new("roles.NAME.keys", Kind::Texts, "Names of `[keys]` with which it may compute masking functions.")
        .default("[]")
        .examples(&[("roles.analyst.keys", r#"["default"]"#)]),
    Key::new("roles.NAME.locations", Kind::Locations, "Where it may write results. Apart from every table.")
        .default("[]")
        .examples(&[("roles.analyst.locations", r#"["results/analyst/"]"#)]),
    Key::new("roles.NAME.memory", Kind::Size, "What one of its statements may hold in memory. If unset, the engine's.")
        .examples(&[("roles.analyst.memory", r#""256MiB""#)]),
    Key::new("roles.NAME.time", Kind::Duration, "How long one of its statements may run. If unset, as `[query]` says.")
        .examples(&[("roles.analyst.time", r#""10m""#)]),
    Key::new("roles.NAME.rows", Kind::Integer { least: 1, most: i64::MAX }, "How many rows one of its answers may have. If unset, as `[query]` says.")
        .examples(&[("roles.analyst.rows", "1000000")]),
    Key::new(
        "roles.NAME.scanned",
        Kind::Size,
        "How many bytes may leave the role's barrier for one of its statements. If unset, as `[query]` says.",
    )
    .examples(&[("roles.analyst.scanned", r#""10GB""#)]),
    Key::new(
        "roles.NAME.mask.TABLE.COLUMN",
        Kind::Expression,
        "What the role reads instead of the column: an SQL expression on the raw row.",
    )
    .examples(&[("roles.analyst.mask.customer.mail", r#""mask_email(mail)""#)]),
    Key::new(
        "roles.NAME.select.TABLE",
        Kind::Select,
        "`\"*\"` for all of it, or `columns` or all `except` some, and the `rows` for which an SQL condition is true. A \
         list of them gives each.",
    )
    .examples(&[
        ("roles.analyst.select.orders", r#""*""#),
        ("roles.analyst.select.customer", r#"{ except = ["birthday"], rows = "country = 'DE'" }"#),
    ]),
    Key::new(
        "query.workspace",
        Kind::Location,
        "Where tables and views go that are made without a role, or in one with full access and no `locations`. Apart \
         from every table.",
    )
    .examples(&[("query.workspace", r#""workspace/""#)]),
    Key::new(
        "query.results",
        Kind::Location,
        "Where the answer of every query is kept, with a record of who asked what. If unset, nothing is kept.",
    )
    .examples(&[("query.results", r#""answers/""#)]),
    Key::new(
        "query.results_format",
        Kind::Choice(&["csv", "parquet"]),
        "How answers are kept: as Amazon Athena does, `ID.csv` with `ID.csv.metadata`; or as Parquet.",
    )
    .default(r#""csv""#),
    Key::new(
        "query.reuse",
        Kind::Duration,
        "How old a kept answer may be to be given again, to the same role under the same policies, if its tables are \
         unchanged. If unset, every statement is computed.",
    )
    .examples(&[("query.reuse", r#""1h""#)]),
    Key::new("query.time", Kind::Duration, "How long a statement may plan and run. If unset, without end.")
        .examples(&[("query.time", r#""30m""#)]),
    Key::new(
        "query.rows",
        Kind::Integer { least: 1, most: i64::MAX },
        "How many rows an answer may have. If unset, any number.",
    )
    .examples(&[("query.rows", "10000000")]),
    Key::new("query.scanned", Kind::Size, "How many bytes of files a statement may read. If unset, any number.")
        .examples(&[("query.scanned", r#""100GB""#)]),
    Key::new("audit.folder", Kind::Folder, "The folder of the log.").default(r#""audit""#),
    Key::new("audit.rotate", Kind::Size, "The size above which the log starts a new file.").default(r#""64MiB""#),
    Key::new("shell.editmode", Kind::Choice(&["emacs", "vi"]), "The keys of its editor.").default(r#""emacs""#),
    Key::new(
        "shell.expanded",
        Kind::Choice(&["on", "off", "auto"]),
        "Whether rows are shown one below the other; `auto` if they are too wide for the screen.",
    )
    .default(r#""auto""#),
    Key::new("shell.pager", Kind::Switch, "Whether what does not fit the screen goes through `$PAGER` or `less`.")
        .default("true"),
    Key::new("shell.history", Kind::Switch, "Whether statements are kept for later sessions.").default("true"),
    Key::new("engine.memory", Kind::Size, "What sorts, joins and aggregates may hold in memory before they spill.")
        .default(r#""1GiB""#),
    Key::new("engine.threads", Kind::Integer { least: 0, most: 1024 }, "Worker threads; 0 for one per core.")
        .default("0"),
    Key::new(
        "engine.spill_folder",
        Kind::Folder,
        "Where operators spill raw values. If unset, the system's temporary folder.",
    )
    .examples(&[("engine.spill_folder", r#""/var/tmp/saltlake""#)]),
    Key::new("aws.region", Kind::Text, "The region.").flag("--region").examples(&[("aws.region", r#""eu-central-1""#)]),
    Key::new("aws.profile", Kind::Text, "The profile of the shared configuration files.")
        .flag("--profile")
        .examples(&[("aws.profile", r#""data-team""#)]),
    Key::new("aws.endpoint_url", Kind::Url, "One endpoint for every service, such as a local emulator.")
        .flag("--endpoint-url")
        .examples(&[("aws.endpoint_url", r#""http://localhost:5000""#)]),
    Key::new("aws.endpoints.s3", Kind::Url, "The endpoint of S3.")
        .examples(&[("aws.endpoints.s3", r#""https://s3.example.com""#)]),
    Key::new("aws.endpoints.macie2", Kind::Url, "The endpoint of Macie.")
        .examples(&[("aws.endpoints.macie2", r#""https://macie2.example.com""#)]),
    Key::new("aws.endpoints.secretsmanager", Kind::Url, "The endpoint of Secrets Manager.")
        .examples(&[("aws.endpoints.secretsmanager", r#""https://secretsmanager.example.com""#)]),
    Key::new("aws.endpoints.lakeformation", Kind::Url, "The endpoint of Lake Formation.")
        .examples(&[("aws.endpoints.lakeformation", r#""https://lakeformation.example.com""#)]),
    Key::new("aws.endpoints.sts", Kind::Url, "The endpoint of STS, which says who the caller is.")
        .examples(&[("aws.endpoints.sts", r#""https://sts.example.com""#)]),
];

/// Every variable of ours, with what it sets or means.
pub(super) fn variables() -> Vec<(String, Option<&'static Key>)> {
    let others = OTHER_VARIABLES.iter().map(|(name, _)| ((*name).to_owned(), None));
    others.chain(KEYS.iter().filter_map(|key| Some((key.variable()?, Some(key))))).collect()
}
