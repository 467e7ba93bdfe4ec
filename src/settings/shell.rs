//! `[shell]`: how the SQL shell behaves at first.

use super::resolve::Reader;

/// The keys of an editor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EditMode {
    /// Those of Emacs.
    #[default]
    Emacs,
    /// Those of vi.
    Vi,
}

/// The SQL shell.
#[derive(Clone, Debug)]
pub struct ShellSettings {
    /// The keys of its editor. Default Emacs'.
    pub editmode: EditMode,
    /// When rows are shown one below the other: `on`, `off` or `auto`. Default `auto`.
    pub expanded: String,
    /// Whether what does not fit the screen goes through a pager. Default true.
    pub pager: bool,
    /// Whether statements are kept for later sessions. Default true.
    pub history: bool,
}

impl Default for ShellSettings {
    fn default() -> Self {
        Self { editmode: EditMode::Emacs, expanded: "auto".to_owned(), pager: true, history: true }
    }
}

impl Reader<'_> {
    pub(super) fn shell(&self) -> ShellSettings {
        let editmode = match self.text(&["shell", "editmode"]).as_deref() {
            Some("vi") => EditMode::Vi,
            _ => EditMode::Emacs,
        };
        ShellSettings {
            editmode,
            expanded: self.text(&["shell", "expanded"]).unwrap_or_default(),
            pager: self.switch(&["shell", "pager"]),
            history: self.switch(&["shell", "history"]),
        }
    }
}
