//! No query lets a raw column through that the plan does not keep, however it is written.

use serde_json::{Value, json};

use super::support::binary::Sandbox;
use super::support::lake::{Format, Table};

const CELL: &str = "ada.raw.secret";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new().with("JOIN_KEY", "the key of the passage tests");
    sandbox.write(
        "saltlake.toml",
        "[lake]\nlocation = \"dataset\"\n[masked]\nlocation = \"masked\"\n[keys.default]\nsecret = \"env:JOIN_KEY\"\n\
         encoding = \"utf8\"\n[columns.person]\nid = \"keep\"\nsecret = \"salt_hash\"\n\
         [columns.card]\nid = \"keep\"\nowner = \"keep\"\n",
    );
    let parquet = Format::Parquet(parquet::basic::Compression::SNAPPY);
    let person = Table::new().bigint("id", [Some(1), Some(2)]).text("secret", [CELL, "bob.raw.secret"]);
    sandbox.write("dataset/person/1.parquet", person.encode(parquet));
    let card = Table::new().bigint("id", [Some(7), Some(8)]).bigint("owner", [Some(1), Some(2)]);
    sandbox.write("dataset/card/1.parquet", card.encode(parquet));
    sandbox
}

fn create(query: &str) -> String {
    format!("CREATE TABLE dataset_masked.out AS {query};")
}

#[test]
fn no_detour_lets_a_raw_column_through() {
    let sandbox = sandbox();
    let detours = [
        "SELECT id, secret FROM dataset.person",
        "SELECT id, secret AS id2 FROM dataset.person",
        "SELECT id, upper(substr(secret, 2)) AS s FROM dataset.person",
        "SELECT id, CASE WHEN secret LIKE 'ada%' THEN 1 ELSE 0 END AS s FROM dataset.person",
        "SELECT max(secret) AS s FROM dataset.person",
        "SELECT string_agg(secret, ',') AS s FROM dataset.person",
        "SELECT secret, count(*) AS n FROM dataset.person GROUP BY secret",
        "SELECT DISTINCT secret FROM dataset.person",
        "SELECT id, lag(secret) OVER (ORDER BY id) AS s FROM dataset.person",
        "SELECT id, first_value(secret) OVER (ORDER BY id) AS s FROM dataset.person",
        "SELECT id, row_number() OVER (ORDER BY secret) AS s FROM dataset.person",
        "WITH p AS (SELECT secret AS x FROM dataset.person) SELECT x FROM p",
        "SELECT s FROM (SELECT secret AS s FROM dataset.person ORDER BY id LIMIT 1)",
        "SELECT id AS s FROM dataset.card UNION ALL SELECT length(secret) AS s FROM dataset.person",
        "SELECT id, (SELECT max(secret) FROM dataset.person) AS s FROM dataset.card",
        // The raw column stands in the outer query, and a subquery shows it.
        "SELECT o.id, (SELECT o.secret) AS s FROM dataset.person o",
        "SELECT o.id, (SELECT max(concat(o.secret, c.id)) FROM dataset.card c) AS s FROM dataset.person o",
        "SELECT o.id, l.s FROM dataset.person o, LATERAL (SELECT o.secret AS s) l",
        "SELECT c.id, c.owner IN (SELECT length(secret) FROM dataset.person) AS s FROM dataset.card c",
        "SELECT c.id, c.owner = ANY (SELECT length(secret) FROM dataset.person) AS s FROM dataset.card c",
        "SELECT c.id, EXISTS (SELECT secret FROM dataset.person) AS s FROM dataset.card c",
        "SELECT p.secret AS s FROM dataset.card c JOIN dataset.person p ON p.id = c.owner",
        "SELECT x AS s FROM (SELECT unnest(make_array(secret)) AS x FROM dataset.person)",
        "SELECT id, salt_hash('a') || secret AS s FROM dataset.person",
        "SELECT id, make_array(secret, salt_hash(secret)) AS s FROM dataset.person",
        "WITH RECURSIVE r AS (SELECT secret AS s, 0 AS n FROM dataset.person \
         UNION ALL SELECT s, n + 1 FROM r WHERE n < 2) SELECT s FROM r",
    ];
    for detour in detours {
        sandbox.write("out.sql", create(detour));
        let run = sandbox.run(["run", "out.sql"]);
        // A construct that the engine does not know is no way through either.
        assert!(matches!(run.code(), Some(1..=3)), "{detour}\n{}", run.transcript());
        let said = run.stderr();
        assert!(run.code() != Some(3) || said.contains("dataset.person.secret"), "{detour}\n{said}");
        assert!(!sandbox.path("masked/out").exists(), "{detour}");
        let seen = format!("{}{}", run.stdout(), said);
        assert!(!seen.contains(CELL) && !seen.contains("bob.raw"), "{detour} shows a cell");
    }
}

#[test]
fn masked_columns_pass_and_their_masks_are_known() {
    let sandbox = sandbox();
    let masked = json!({ "s": "salt_hash(…)" });
    let ways: [(&str, Value); 9] = [
        ("SELECT id, salt_hash(secret) AS s FROM dataset.person", masked.clone()),
        ("SELECT id, salt_hash(secret) AS s FROM dataset.person ORDER BY s LIMIT 5", masked.clone()),
        ("SELECT DISTINCT salt_hash(secret) AS s FROM dataset.person", masked.clone()),
        ("SELECT salt_hash(secret) AS s, count(*) AS n FROM dataset.person GROUP BY 1", masked.clone()),
        (
            "WITH p AS (SELECT id, salt_hash(secret) AS x FROM dataset.person) SELECT x AS s FROM p WHERE id > 0",
            masked.clone(),
        ),
        (
            "SELECT salt_hash(secret) AS s FROM dataset.person UNION ALL SELECT salt_hash(id) AS s FROM dataset.card",
            masked,
        ),
        (
            "SELECT salt_hash(secret) AS s FROM dataset.person UNION ALL SELECT mask_redact(id) AS s FROM dataset.card",
            json!({}),
        ),
        ("SELECT c.id, (SELECT max(salt_hash(secret)) FROM dataset.person) AS s FROM dataset.card c", json!({})),
        ("SELECT count(secret) AS n FROM dataset.person", json!({})),
    ];
    for (query, masks) in ways {
        sandbox.write("out.sql", create(query));
        sandbox.run(["run", "out.sql"]).ok();
        let version = std::fs::read_link(sandbox.path("masked/versions/current")).unwrap();
        let manifest = sandbox.shelf().get(&format!("masked/_saltlake/versions/{}.json", version.display()));
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["tables"]["out"]["masks"], masks, "{query}");
        sandbox.run(["verify"]).ok();
        let shown = sandbox.run(["query", "SELECT * FROM dataset_masked.out", "--format", "csv"]).ok().stdout();
        assert!(!shown.contains("raw.secret"), "{query}: {shown}");
    }
}
