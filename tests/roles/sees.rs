//! What a granted role sees of the lake.

use super::{ask, lines, shop, told};
use crate::support::shop::Shop;

/// A shop whose role `r` selects this.
fn selecting(select: &str) -> Shop {
    Shop::usual().settings(&format!("[roles.r.select]\n{select}"))
}

const CUSTOMERS: &str = "SELECT * FROM dataset.customer ORDER BY id";

#[test]
fn a_star_gives_the_whole_table_and_no_other() {
    let shop = selecting("\"dataset.customer\" = \"*\"");
    let seen = lines(&shop, "r", CUSTOMERS);
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[..2], ["id,name,mail,segment", "1,Ada Lovelace,ada.lovelace@example.org,gold"]);
    told(ask(&shop, "r", "SELECT * FROM dataset.account"), 2, &["42P01"]);
}

#[test]
fn a_database_and_a_star_give_its_tables() {
    let shop = selecting("\"dataset.*\" = \"*\"");
    assert_eq!(lines(&shop, "r", CUSTOMERS).len(), 5);
    assert_eq!(lines(&shop, "r", "SELECT id FROM dataset.account").len(), 4);
}

#[test]
fn columns_give_these_and_except_gives_the_others() {
    let shop = selecting("\"dataset.customer\" = { columns = [\"id\", \"segment\"] }");
    assert_eq!(lines(&shop, "r", CUSTOMERS), ["id,segment", "1,gold", "2,silver", "3,gold", "4,"]);
    let shop = selecting("\"dataset.customer\" = { except = [\"mail\", \"name\"] }");
    assert_eq!(lines(&shop, "r", CUSTOMERS), ["id,segment", "1,gold", "2,silver", "3,gold", "4,"]);
}

#[test]
fn rows_are_those_for_which_the_condition_is_true() {
    let shop = selecting("\"dataset.customer\" = { columns = [\"id\"], rows = \"segment = 'gold'\" }");
    assert_eq!(lines(&shop, "r", CUSTOMERS), ["id", "1", "3"]);
    assert_eq!(lines(&shop, "r", "SELECT count(*) AS n FROM dataset.customer"), ["n", "2"]);
    let shop = selecting("\"dataset.customer\" = { columns = [\"id\"], rows = \"NOT segment = 'gold'\" }");
    // Of the row without a segment nobody can say that the condition is true.
    assert_eq!(lines(&shop, "r", CUSTOMERS), ["id", "2"]);
}

#[test]
fn several_rules_give_what_each_gives_and_no_cell_more() {
    let shop = selecting(
        "\"dataset.customer\" = [{ columns = [\"id\", \"mail\"], rows = \"segment = 'silver'\" }, \
         { columns = [\"id\", \"name\"], rows = \"id = 1\" }]",
    );
    assert_eq!(lines(&shop, "r", CUSTOMERS), ["id,name,mail", "1,Ada Lovelace,", "2,,asa.lind@example.com"]);
    // A cell that is not given is NULL wherever it stands.
    assert_eq!(lines(&shop, "r", "SELECT id FROM dataset.customer WHERE mail LIKE 'ada%'"), ["id"]);
}

#[test]
fn a_table_may_be_named_without_its_database() {
    let shop = selecting("account = { columns = [\"id\"] }");
    assert_eq!(lines(&shop, "r", "SELECT * FROM dataset.account ORDER BY id"), ["id", "10", "20", "30"]);
}

#[test]
fn a_mask_stands_for_the_column_everywhere() {
    let shop = shop();
    assert_eq!(lines(&shop, "analyst", CUSTOMERS), ["id,name,segment", "1,A,gold", "2,,silver", "3,,gold", "4,,"]);
    assert_eq!(lines(&shop, "analyst", "SELECT id FROM dataset.customer WHERE name = 'Ada Lovelace'"), ["id"]);
    assert_eq!(lines(&shop, "analyst", "SELECT id FROM dataset.customer WHERE name = 'A'"), ["id", "1"]);
    assert_eq!(lines(&shop, "analyst", "SELECT max(length(name)) AS n FROM dataset.customer"), ["n", "1"]);
}

#[test]
fn masked_tables_are_granted_like_raw_ones() {
    let shop = selecting("\"dataset_masked.customer\" = { columns = [\"id\", \"segment\"] }");
    let masked = "SELECT * FROM customer ORDER BY id";
    told(ask(&shop, "r", masked), 2, &["42P01"]);
    shop.run(["mask"]).ok();
    assert_eq!(lines(&shop, "r", masked), ["id,segment", "1,gold", "2,silver", "3,gold", "4,"]);
    told(ask(&shop, "r", CUSTOMERS), 2, &["42P01"]);
    told(ask(&shop, "r", "SELECT * FROM account"), 2, &["42P01"]);
}

#[test]
fn only_visible_tables_and_columns_are_listed() {
    let shop = shop();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema LIKE 'dataset%'";
    assert_eq!(lines(&shop, "analyst", tables), ["table_name", "customer"]);
    assert_eq!(lines(&shop, "reader", tables), ["table_name", "account"]);
    let columns = "SELECT table_name, column_name FROM information_schema.columns ORDER BY ordinal_position";
    let wanted = ["table_name,column_name", "customer,id", "customer,name", "customer,segment"];
    assert_eq!(lines(&shop, "analyst", columns), wanted);
    let shown = lines(&shop, "analyst", "SHOW TABLES").join("\n");
    assert!(shown.contains("dataset,customer") && !shown.contains("account"), "{shown}");
    let shown = lines(&shop, "analyst", "SHOW COLUMNS FROM dataset.customer").join("\n");
    assert!(shown.contains("segment") && !shown.contains("mail"), "{shown}");
    let described = lines(&shop, "analyst", "DESCRIBE dataset.customer");
    assert_eq!(described, ["column_name,data_type,is_nullable", "id,Int64,YES", "name,Utf8,YES", "segment,Utf8,YES"]);
}

#[test]
fn views_and_settings_of_the_engine_say_nothing_of_hidden_tables() {
    let shop = shop();
    for sql in [
        "SELECT * FROM information_schema.views",
        "SELECT * FROM information_schema.schemata",
        "SELECT * FROM information_schema.df_settings",
        "SELECT * FROM information_schema.tables",
    ] {
        let run = ask(&shop, "analyst", sql);
        assert!(!run.transcript().contains("account") && !run.transcript().contains("mail"), "{}", run.transcript());
    }
}

/// What two names are answered has to be the same but for the names.
#[track_caller]
fn told_alike(shop: &Shop, statement: &str, hidden: &str, made_up: &str) {
    let told = |name: &str| {
        let run = ask(shop, "analyst", &statement.replace('$', name));
        assert_ne!(run.code(), Some(0), "{}", run.transcript());
        run.transcript().replace(name, "$")
    };
    assert_eq!(told(hidden), told(made_up), "{statement}");
}

#[test]
fn a_hidden_table_is_like_one_that_is_not_there() {
    let shop = shop();
    for statement in [
        "SELECT * FROM dataset.$",
        "SELECT id FROM dataset.customer WHERE id IN (SELECT id FROM dataset.$)",
        "SELECT $.id FROM dataset.$",
        "DESCRIBE dataset.$",
        "SHOW COLUMNS FROM dataset.$",
        "EXPLAIN SELECT * FROM dataset.$",
        "WITH c AS (SELECT * FROM dataset.$) SELECT 1 FROM c",
        "CREATE TABLE workspace.x AS SELECT * FROM dataset.$",
        "UNLOAD (SELECT * FROM dataset.$) TO 'out/x'",
    ] {
        told_alike(&shop, statement, "account", "acoount");
    }
}

#[test]
fn a_hidden_column_is_like_one_that_is_not_there() {
    let shop = shop();
    for statement in [
        "SELECT $ FROM dataset.customer",
        "SELECT c.$ FROM dataset.customer AS c",
        "SELECT id FROM dataset.customer WHERE $ = 'x'",
        "SELECT id FROM dataset.customer ORDER BY $",
        "SELECT count(*) FROM dataset.customer GROUP BY $",
        "SELECT * EXCEPT ($) FROM dataset.customer",
        "EXPLAIN SELECT $ FROM dataset.customer",
    ] {
        told_alike(&shop, statement, "mail", "mial");
    }
}

#[test]
fn a_rule_or_mask_for_a_column_that_is_not_there_is_refused() {
    for settings in [
        "[roles.r.select]\n\"dataset.customer\" = { except = [\"mial\"] }",
        "[roles.r.select]\n\"dataset.customer\" = { columns = [\"id\", \"mial\"] }",
        "[roles.r.select]\n\"dataset.customer\" = \"*\"\n\n[roles.r.mask.customer]\nmial = \"'x'\"",
    ] {
        let shop = Shop::usual().settings(settings);
        let words = ["role: r", "table: dataset.customer", "column: mial"];
        told(ask(&shop, "r", "SELECT id FROM dataset.customer"), 3, &words);
        told(shop.run(["grant"]), 3, &words);
        told(shop.run(["why", "r", "customer"]), 3, &words);
    }
}

#[test]
fn a_row_filter_that_cannot_be_read_is_an_error_and_no_wider_view() {
    for rows in ["segment ==", "upper(segment) = 'GOLD'", "segment = 'gold' OR", "id IN (SELECT 1)", "segment = 'gold"]
    {
        let shop = selecting(&format!("\"dataset.customer\" = {{ columns = [\"id\"], rows = \"{rows}\" }}"));
        let words = ["the row filter cannot be read", "role: r", "table: dataset.customer"];
        told(ask(&shop, "r", CUSTOMERS), 2, &words);
        told(shop.run(["grant"]), 2, &words);
        let run = ask(&shop, "r", "SHOW TABLES").expect_code(2);
        assert_eq!(run.stdout(), "");
    }
}

#[test]
fn a_row_filter_on_a_column_that_is_not_there_gives_nothing() {
    let shop = selecting("\"dataset.customer\" = { rows = \"segmnt = 'gold'\" }");
    told(ask(&shop, "r", CUSTOMERS), 2, &["42P01"]);
    let why = shop.run(["why", "r", "customer"]).ok().stdout();
    assert!(why.contains("the table has no column `segmnt`"), "{why}");
    let policies = shop.run(["grant"]).ok().stdout();
    assert!(policies.contains("no table"), "{policies}");
}

#[test]
fn a_mask_that_cannot_be_computed_is_an_error_and_no_bare_column() {
    for mask in ["nosuchfunction(name)", "upper(nosuch)", "name +", "(SELECT 1)", "max(name)"] {
        let shop = Shop::usual().settings(&format!(
            "[roles.r.select]\n\"dataset.customer\" = \"*\"\n\n[roles.r.mask.customer]\nname = \"{mask}\""
        ));
        let run = ask(&shop, "r", "SELECT name FROM dataset.customer");
        assert_ne!(run.code(), Some(0), "{mask}: {}", run.transcript());
        super::hidden().assert_clean(mask, run.transcript().as_bytes());
    }
}

#[test]
fn a_role_without_rules_sees_no_table() {
    let shop = Shop::usual().settings("[roles.nobody]\nkeys = []");
    told(ask(&shop, "nobody", CUSTOMERS), 2, &["42P01"]);
    assert_eq!(lines(&shop, "nobody", "SELECT 1 AS one"), ["one", "1"]);
    let shown = lines(&shop, "nobody", "SHOW TABLES").join("\n");
    assert!(!shown.contains("dataset"), "{shown}");
}

#[test]
fn rules_are_read_anew_for_each_statement() {
    let mut shop = selecting("\"dataset.customer\" = \"*\"");
    assert_eq!(lines(&shop, "r", "SELECT * FROM dataset.customer")[0], "id,name,mail,segment");
    shop.change_settings("\"dataset.customer\" = \"*\"", "\"dataset.customer\" = { columns = [\"id\"] }");
    assert_eq!(lines(&shop, "r", "SELECT * FROM dataset.customer")[0], "id");
}
