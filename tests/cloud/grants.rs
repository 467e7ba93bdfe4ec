//! Grants straight from Lake Formation: stored by an administrator, used by sessions, and who may act in a role.

use serde_json::json;

use super::world::{Wing, World};
use crate::support::binary::Run;
use crate::support::lakeformation_stub::{CATALOG, LakeFormationStub, column_of, error, filter_of, table_of};
use crate::support::moto::moto;
use crate::support::stub::{Reply, Stub};

const ANALYST: &str = "arn:aws:iam::123456789012:role/team/analyst";
const USER: &str = "arn:aws:iam::123456789012:user/anna";
/// Whom moto takes its callers for.
const CALLER: &str = "arn:aws:sts::123456789012:user/moto";

/// A catalog of the usual world's tables, whose caller sees everything.
fn catalog() -> LakeFormationStub {
    bare_catalog().administrators(&["arn:aws:iam::123456789012:role/admin"], &[CALLER])
}

fn bare_catalog() -> LakeFormationStub {
    LakeFormationStub::new().table("dataset", "customer", &["id", "username", "name", "gender", "mail"]).table(
        "dataset",
        "card",
        &["id", "username", "card_number", "card_expiration"],
    )
}

/// The usual world, with live grants and these roles.
fn world(stub: &Stub, settings: &str) -> World {
    let mut world = World::usual(Wing::S3, Wing::S3).with("AWS_ENDPOINT_URL_LAKEFORMATION", stub.endpoint());
    world.add_settings(&format!(
        "[grants]\nsources = [\"lakeformation\"]\n{settings}\n\n[roles.admin]\nfull_access = true\n\n\
         [roles.analyst]\nprincipal = \"{ANALYST}\"\n\n[roles.other]\nprincipal = \"of nobody\"\n\n\
         [roles.user]\nprincipal = \"{USER}\"\n\n[roles.moto]\nprincipal = \"{CALLER}\""
    ));
    world
}

fn ask(world: &World, role: &str, sql: &str) -> Run {
    world.run(["query", sql, "--role", role, "--format", "csv"])
}

#[track_caller]
fn lines(world: &World, role: &str, sql: &str) -> Vec<String> {
    ask(world, role, sql).ok().stdout().lines().map(str::to_owned).collect()
}

/// What is told when nothing is shown.
#[track_caller]
fn told(run: Run, code: i32, words: &[&str]) {
    let run = run.expect_code(code);
    assert_eq!(run.stdout(), "", "{}", run.transcript());
    for word in words {
        assert!(run.stderr().contains(word), "no `{word}` in\n{}", run.transcript());
    }
}

const CUSTOMERS: &str = "SELECT * FROM dataset.customer ORDER BY id LIMIT 2";

/// An STS that knows its caller, and answers with an error to who asks to assume a role.
fn sts(code: &'static str) -> Stub {
    Stub::serve(move |asked| {
        let identity = String::from_utf8_lossy(&asked.body).contains("GetCallerIdentity");
        let body = if identity {
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>{CALLER}</Arn><UserId>U</UserId><Account>{CATALOG}</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            )
        } else {
            format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>secret</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            )
        };
        let headers = vec![("content-type", "text/xml".to_owned())];
        Reply { status: if identity { 200 } else { 403 }, headers, body: body.into_bytes() }
    })
}

#[test]
fn what_lake_formation_says_is_stored_and_used() {
    let stub = catalog()
        .grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"])
        .grant(ANALYST, &column_of("dataset", "customer", "gender"), &["SELECT"])
        .grant(ANALYST, &table_of("dataset", "card"), &["DESCRIBE"])
        .start();
    let world = world(&stub, "");
    told(ask(&world, "analyst", CUSTOMERS), 3, &["no grants of Lake Formation are stored", "saltlake grant"]);
    told(world.run(["grant", "--check"]), 3, &["nothing is stored"]);
    let run = world.run(["grant"]).ok();
    assert!(run.stdout().contains("dataset.customer"), "{}", run.transcript());
    assert_eq!(run.stderr(), "", "an administrator sees everything");
    let asked = stub.asked().len();
    assert_eq!(lines(&world, "analyst", CUSTOMERS)[0], "id,gender");
    told(ask(&world, "analyst", "SELECT * FROM dataset.card"), 2, &["42P01"]);
    told(ask(&world, "other", CUSTOMERS), 2, &["42P01"]);
    assert_eq!(lines(&world, "admin", CUSTOMERS)[0], "id,username,name,gender,mail");
    assert_eq!(stub.asked().len(), asked, "sessions use what is stored");
    world.run(["grant", "--check"]).ok();
    assert!(stub.asked().len() > asked, "`--check` asks again");
}

#[test]
fn a_cells_filter_of_the_live_service_bounds_rows_and_columns() {
    let stub = catalog()
        .filter(
            ["dataset", "customer"],
            "few",
            &json!({ "FilterExpression": "id <= 1" }),
            &json!({ "ColumnNames": ["id", "name"] }),
        )
        .grant(ANALYST, &filter_of("dataset", "customer", "few"), &["SELECT"])
        .start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    let seen = lines(&world, "analyst", "SELECT * FROM dataset.customer ORDER BY id");
    let wanted = lines(&world, "admin", "SELECT id, name FROM dataset.customer WHERE id <= 1 ORDER BY id");
    assert_eq!(seen, wanted);
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn a_revoked_grant_shows_in_the_check_and_is_gone_when_stored() {
    let before = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let after = catalog().start();
    let world = world(&before, "");
    world.run(["grant"]).ok();
    assert_eq!(lines(&world, "analyst", CUSTOMERS), ["id", "0", "1"]);
    let world = world.with("AWS_ENDPOINT_URL_LAKEFORMATION", after.endpoint());
    told(world.run(["grant", "--check"]), 3, &["analyst", "dataset.customer"]);
    assert_eq!(lines(&world, "analyst", CUSTOMERS), ["id", "0", "1"], "until it is stored, what was stored counts");
    world.run(["grant"]).ok();
    told(ask(&world, "analyst", CUSTOMERS), 2, &["42P01"]);
    world.run(["grant", "--check"]).ok();
}

#[test]
fn stored_grants_that_are_too_old_show_nothing() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let mut world = world(&stub, "max_age = \"1h\"");
    world.run(["grant"]).ok();
    assert_eq!(lines(&world, "analyst", CUSTOMERS)[0], "id");
    world.change_settings("max_age = \"1h\"", "max_age = \"1s\"");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    told(ask(&world, "analyst", CUSTOMERS), 3, &["the stored grants of Lake Formation are too old", "max_age"]);
    told(world.run(["why", "analyst", "customer"]), 3, &["too old"]);
    assert_eq!(lines(&world, "admin", CUSTOMERS).len(), 3, "full access needs no grants");
}

#[test]
fn stored_grants_that_were_damaged_show_nothing() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    world.masked.put("masked/_saltlake/grants.json", b"{\"form\": 1, ".to_vec());
    let run = ask(&world, "analyst", CUSTOMERS);
    assert!(matches!(run.code(), Some(1 | 3)), "{}", run.transcript());
    assert_eq!(run.stdout(), "");
}

#[test]
fn who_is_the_principal_or_may_assume_it_acts_in_the_role() {
    let stub = catalog()
        .grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"])
        .grant(CALLER, &column_of("dataset", "customer", "gender"), &["SELECT"])
        .start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    // Moto lets everyone assume every role.
    assert_eq!(lines(&world, "analyst", CUSTOMERS)[0], "id");
    assert_eq!(lines(&world, "moto", "SELECT * FROM dataset.customer")[0], "gender");
    let log = "SELECT DISTINCT identity FROM saltlake.audit WHERE role IN ('analyst', 'moto')";
    assert_eq!(lines(&world, "admin", log), ["identity", CALLER]);
}

#[test]
fn who_may_not_assume_the_principal_is_refused() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    let denying = sts("AccessDenied");
    let world = world.with("AWS_ENDPOINT_URL_STS", denying.endpoint());
    let words = ["your AWS identity may not act in this role", "role: analyst", ANALYST, CALLER];
    told(ask(&world, "analyst", CUSTOMERS), 3, &words);
    world.sandbox.write("script.sql", CUSTOMERS);
    told(world.run(["run", "script.sql", "--role", "analyst"]), 3, &words);
    // Who is the principal needs not assume it; who has no principal in AWS is asked nothing.
    told(ask(&world, "moto", CUSTOMERS), 2, &["42P01"]);
    let asked = denying.asked().len();
    told(ask(&world, "other", CUSTOMERS), 2, &["42P01"]);
    assert_eq!(denying.asked().len(), asked);
}

#[test]
fn a_user_is_never_assumed() {
    let stub = catalog().grant(USER, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    told(ask(&world, "user", CUSTOMERS), 2, &["only an IAM role can be assumed", USER]);
}

#[test]
fn an_sts_that_does_not_answer_shows_nothing() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    let broken = sts("ExpiredToken");
    let world = world.with("AWS_ENDPOINT_URL_STS", broken.endpoint());
    told(ask(&world, "analyst", CUSTOMERS), 1, &["STS does not accept the AWS credentials"]);
    let world = world.with("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    told(ask(&world, "analyst", CUSTOMERS), 1, &["STS cannot be reached"]);
    told(ask(&world, "moto", CUSTOMERS), 1, &["STS cannot be reached"]);
}

#[test]
fn a_lake_formation_that_does_not_answer_changes_nothing() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    let stored = world.masked.get("masked/_saltlake/grants.json");
    let denying = catalog().interrupt(|_| Some(error(400, "AccessDeniedException", "secret"))).start();
    let world = world.with("AWS_ENDPOINT_URL_LAKEFORMATION", denying.endpoint());
    for command in [vec!["grant"], vec!["grant", "--check"], vec!["grant", "--print"]] {
        let run = world.sandbox.run(&command);
        assert!(!run.stderr().contains("secret"), "{}", run.transcript());
        told(run, 1, &["Lake Formation is denied"]);
    }
    let world = world.with("AWS_ENDPOINT_URL_LAKEFORMATION", "http://127.0.0.1:1");
    told(world.run(["grant"]), 1, &["Lake Formation cannot be reached"]);
    assert_eq!(world.masked.get("masked/_saltlake/grants.json"), stored);
    assert_eq!(lines(&world, "analyst", CUSTOMERS)[0], "id", "sessions need what is stored only");
}

#[test]
fn grants_that_are_listed_in_part_are_no_basis() {
    let stub = bare_catalog()
        .administrators(&["arn:aws:iam::123456789012:role/admin"], &[])
        .grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"])
        .start();
    let world = world(&stub, "");
    told(world.run(["grant"]), 3, &["in part", "no data lake administrator"]);
    told(ask(&world, "analyst", CUSTOMERS), 3, &["no grants of Lake Formation are stored"]);
}

#[test]
fn logs_of_a_granted_role_hold_no_request_place_or_cell() {
    let stub = catalog().grant(ANALYST, &column_of("dataset", "customer", "id"), &["SELECT"]).start();
    let world = world(&stub, "");
    world.run(["grant"]).ok();
    let world = world.with("SALTLAKE_LOG", "trace");
    for sql in [CUSTOMERS, "SELECT mail FROM dataset.customer", "SELECT * FROM dataset.card"] {
        let run = ask(&world, "analyst", sql);
        for word in ["LOAD0000", "grants.json", "somebody-0", "Person with", "4000 0000", "test-secret", "GetObject"] {
            assert!(!run.stderr().contains(word), "`{word}`: {sql}\n{}", run.transcript());
        }
    }
}

#[test]
fn a_role_writes_into_its_own_bucket_only() {
    let mut world = World::usual(Wing::S3, Wing::S3);
    let own = moto().bucket();
    world.add_settings(&format!(
        "[roles.writer]\nlocations = [\"{}\"]\n[roles.writer.select]\n\"dataset.customer\" = {{ columns = [\"id\"] }}",
        own.location("own/")
    ));
    let create = "CREATE TABLE workspace.ids AS SELECT * FROM dataset.customer WHERE id < 3";
    ask(&world, "writer", create).ok();
    assert_eq!(lines(&world, "writer", "SELECT * FROM workspace.ids ORDER BY id"), ["id", "0", "1", "2"]);
    let files = own.list("");
    assert!(!files.is_empty() && files.iter().all(|file| file.starts_with("own/ids/")), "{files:?}");
    told(ask(&world, "writer", create), 3, &["the table exists", "42P07"]);
    let (lake, masked) = (world.lake.list(""), world.masked.list(""));
    for place in [own.location("elsewhere/"), world.lake.location("dataset/customer/x/"), world.masked.location("x/")] {
        let unload = format!("UNLOAD (SELECT * FROM dataset.customer) TO '{place}'");
        told(ask(&world, "writer", &unload), 3, &["inside its own locations only", "42501"]);
    }
    assert_eq!((own.list(""), world.lake.list(""), world.masked.list("")), (files, lake, masked));
}
