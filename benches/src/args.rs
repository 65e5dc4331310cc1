//! Settings as they are typed after a recipe: `HOSTS=100000` means `--hosts 100000`.

/// The process's arguments, every `NAME=value` among them turned into `--name=value`.
pub fn from_recipe() -> impl Iterator<Item = String> {
    std::env::args().map(|argument| as_option(&argument).unwrap_or(argument))
}

fn as_option(argument: &str) -> Option<String> {
    let (name, value) = argument.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_name.then(|| format!("--{}={value}", name.to_lowercase().replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_becomes_an_option_and_everything_else_stays() {
        assert_eq!(as_option("HOSTS=100").as_deref(), Some("--hosts=100"));
        assert_eq!(
            as_option("BEAT_EVERY=30").as_deref(),
            Some("--beat-every=30")
        );
        assert_eq!(as_option("--hosts=100"), None);
        assert_eq!(as_option("quick"), None);
    }
}
