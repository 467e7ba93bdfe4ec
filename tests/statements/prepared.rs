//! PREPARE, EXECUTE, DEALLOCATE, in scripts.

use super::{ask, script, shop};
use crate::support::binary::Run;
use crate::support::shop::Shop;

fn try_script(shop: &Shop, role: &str, text: &str) -> Run {
    shop.sandbox.write("script.sql", text);
    shop.run(["run", "script.sql", "--role", role])
}

#[test]
fn a_prepared_statement_takes_its_values_when_it_is_run() {
    let shop = shop();
    let text = "PREPARE p FROM SELECT id, ? AS word FROM dataset.customer WHERE segment = ? AND id < ? ORDER BY id;\n\
                EXECUTE p USING 'it''s', 'gold', 100;\nPREPARE q AS SELECT 'again' AS again;\nEXECUTE q;\nDEALLOCATE PREPARE p;\n";
    for role in ["analyst", "admin"] {
        let out = script(&shop, role, text);
        assert!(out.contains("it's") && out.contains("again"), "{out}");
    }
    let out = script(
        &shop,
        "analyst",
        "PREPARE make FROM CREATE TABLE workspace.t AS SELECT ? AS a;\nEXECUTE make USING 7;\n\
         PREPARE add FROM INSERT INTO workspace.t VALUES (?);\nEXECUTE add USING 8;\nEXECUTE add USING 9;\n\
         SELECT sum(a) AS total FROM workspace.t;\n",
    );
    assert!(out.contains("24"), "{out}");
}

#[test]
fn a_prepared_statement_is_judged_as_any_other() {
    let shop = shop();
    for (text, code, word) in [
        ("PREPARE p FROM SELECT mail FROM dataset.customer WHERE id = ?; EXECUTE p USING 1;", 2, "mail"),
        ("PREPARE p FROM UNLOAD (SELECT ? AS a) TO 'elsewhere/x'; EXECUTE p USING 1;", 3, "its own locations"),
        ("PREPARE p FROM INSERT INTO dataset.customer VALUES (?); EXECUTE p USING 1;", 3, "in the workspace only"),
        ("PREPARE p FROM SELECT ?; EXECUTE p;", 2, "the number of parameters is wrong"),
        (
            "PREPARE p FROM SELECT ?; EXECUTE p USING (SELECT mail FROM dataset.customer);",
            2,
            "a parameter is a literal",
        ),
        ("EXECUTE p;", 2, "no such prepared statement"),
        ("PREPARE p FROM DROP TABLE workspace.t;", 2, "cannot be prepared"),
    ] {
        let run = try_script(&shop, "analyst", text).expect_code(code);
        assert!(run.stderr().contains(word), "{text}: {}", run.transcript());
    }
    assert!(!shop.sandbox.path("elsewhere").exists());
}

#[test]
fn it_lives_as_long_as_its_script() {
    let shop = shop();
    script(&shop, "analyst", "PREPARE p FROM SELECT 1;");
    try_script(&shop, "analyst", "EXECUTE p;").expect_code(2);
    ask(&shop, "analyst", "PREPARE p FROM SELECT 1").ok();
}
