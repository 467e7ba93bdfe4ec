//! The shell of a role: it says so, marks what is masked, and completes only what the role sees.

use crate::support::shop::Shop;
use crate::support::terminal::Terminal;

/// An analyst who sees customers without mails, names by their first letter; and an administrator.
fn shop() -> Shop {
    Shop::usual().settings(
        r#"
[roles.admin]
full_access = true

[roles.analyst.select]
"dataset.customer" = { except = ["mail"] }

[roles.analyst.mask."dataset.customer"]
name = "substr(name, 1, 1)"
"#,
    )
}

fn open(shop: &Shop, role: &str) -> Terminal {
    let mut terminal = Terminal::start(&shop.sandbox, &["shell", "--role", role]);
    terminal.expect(&format!("{role}@saltlake> "));
    terminal
}

#[test]
fn the_prompt_the_header_and_the_footer_tell_of_the_role() {
    let shop = shop();
    let mut terminal = open(&shop, "analyst");
    terminal.line("SELECT id, name FROM dataset.customer ORDER BY id;");
    let shown = terminal.expect("through the barrier)");
    assert!(shown.contains("Å") && !shown.contains("Åsa Lind") && !shown.contains("Lovelace"), "{shown}");
    let header = shown.lines().find(|line| line.contains("id") && line.contains("name") && line.contains('│'));
    let header = header.unwrap_or_else(|| panic!("no header in\n{shown}"));
    let cells: Vec<&str> = header.split('│').map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[0], "id", "{header}");
    assert!(cells[1].starts_with("name") && cells[1].len() > "name".len(), "{header}");
    terminal.line("\\d dataset.customer");
    let shown = terminal.expect("(3 rows");
    assert!(shown.contains("masked") && !shown.contains("mail"), "{shown}");
}

#[test]
fn only_what_the_role_sees_is_completed_and_listed() {
    let shop = shop();
    let mut terminal = open(&shop, "analyst");
    terminal.keys("SELECT * FROM dataset.\t");
    terminal.wait_for_screen("FROM dataset.customer");
    terminal.keys("\u{3}");
    terminal.expect("\nanalyst@saltlake> ");
    terminal.keys("SELECT mai\t FROM dataset.customer;\r");
    assert!(terminal.expect("code: ").contains("mai"), "there is no such column to be completed");
    terminal.line("\\dt");
    let shown = terminal.expect("(1 row");
    assert!(shown.contains("customer") && !shown.contains("account"), "{shown}");
}

#[test]
fn another_role_is_taken_and_the_last_result_is_left_behind() {
    let shop = shop();
    let mut terminal = open(&shop, "admin");
    terminal.line("SELECT mail FROM dataset.customer WHERE id = 1;");
    terminal.expect("ada.lovelace@example.org");
    terminal.expect("\nadmin@saltlake> ");
    terminal.line("\\role analyst");
    terminal.expect("the role is analyst; roles are: admin, analyst");
    terminal.expect("\nanalyst@saltlake> ");
    terminal.line("\\last");
    let shown = terminal.expect("no statement was run yet");
    assert!(!shown.contains("ada.lovelace"), "{shown}");
    terminal.expect("\nanalyst@saltlake> ");
    terminal.line("SELECT mail FROM dataset.customer;");
    terminal.expect("code: 42703");
    terminal.line("\\role nobody");
    terminal.expect("there is no such role");
    terminal.expect("\nanalyst@saltlake> ");
    terminal.line("\\why dataset.customer.mail");
    terminal.expect("role analyst does not see dataset.customer.mail");
}

#[test]
fn without_a_role_where_roles_are_the_shell_does_not_open() {
    let shop = shop();
    let mut terminal = Terminal::start(&shop.sandbox, &["shell"]);
    terminal.expect("no role was chosen");
    assert_eq!(terminal.end(), 2);
}
