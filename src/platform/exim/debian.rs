//! Debian's way to an Exim configuration: a few shell variables, filled into a template (update-exim4.conf(8)).

use std::collections::BTreeMap;

/// What the template means where the evidence holds only the variables.
pub(super) const PACKAGED: &str = include_str!("packaged.conf");

/// The variables of `update-exim4.conf.conf`: shell assignments, the last of a name wins.
pub(super) fn variables(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        out.insert(name.trim().to_owned(), shell_word(value));
    }
    out
}

/// One word of a shell: quotes go, a comment ends it.
fn shell_word(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.trim().chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None | Some('"'), '\\') => out.extend(chars.next()),
            (None, c) if c.is_whitespace() || c == ';' || c == '#' => break,
            (_, c) => out.push(c),
        }
    }
    out
}

/// The macros that the variables become.
pub(super) fn macros(variables: &BTreeMap<String, String>, mailname: Option<&str>) -> Vec<(String, String)> {
    let get = |name: &str| variables.get(name).map_or("", String::as_str);
    // a semicolon anywhere makes it the separator
    let list = |name: &str| {
        let value = get(name).to_lowercase();
        if value.contains(';') && !value.trim_start().starts_with('<') {
            format!("<; {value}")
        } else {
            value
        }
    };
    let type_ = get("dc_eximconfig_configtype").to_lowercase();
    if !matches!(type_.as_str(), "internet" | "smarthost" | "satellite" | "local") {
        return Vec::new();
    }
    let other = get("dc_other_hostnames").to_lowercase().replace(';', ":");
    let local = format!("@:localhost:{other}");
    let nets = list("dc_relay_nets");
    let nets = if nets.starts_with("<;") {
        format!("{nets} ; 127.0.0.1 ; ::1")
    } else {
        format!("{nets} : 127.0.0.1 : ::::1")
    };
    let localdelivery = Some(get("dc_localdelivery")).filter(|v| !v.is_empty()).unwrap_or("mail_spool");
    let interfaces = list("dc_local_interfaces");
    let mut out: Vec<(String, String)> = Vec::new();
    let mut seed = |name: &str, value: String| out.push((name.to_owned(), value));
    if !interfaces.trim().is_empty() {
        seed("MAIN_LOCAL_INTERFACES", interfaces);
    }
    if get("dc_minimaldns") == "true" {
        seed("DC_minimaldns", "1".into());
    }
    seed("MAIN_LOCAL_DOMAINS", local.trim_end_matches([':', ' ']).to_owned());
    seed("MAIN_RELAY_TO_DOMAINS", list("dc_relay_domains"));
    seed("ETC_MAILNAME", mailname.unwrap_or_default().to_owned());
    seed("LOCAL_DELIVERY", localdelivery.to_owned());
    seed("MAIN_RELAY_NETS", nets);
    seed("DCreadhost", get("dc_readhost").to_lowercase());
    seed("DCsmarthost", get("dc_smarthost").to_lowercase().replace(';', ":"));
    seed("DC_eximconfig_configtype", type_.clone());
    seed(&format!("DCconfig_{type_}"), "1".into());
    // whatever else begins with a capital letter becomes a macro too
    for (name, value) in variables {
        if name.starts_with(|c: char| c.is_ascii_uppercase()) && name != "CFILEMODE" {
            seed(name, value.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn macro_of(text: &str, name: &str) -> String {
        let all = macros(&variables(text), Some("city.example"));
        all.into_iter().find(|(n, _)| n == name).map(|(_, v)| v).unwrap_or_default()
    }

    #[test]
    fn variables_become_macros() {
        let text = "dc_eximconfig_configtype='internet'\ndc_other_hostnames='city.example;b.example'\n\
            dc_relay_nets='10.1.0.0/16 ; 0.0.0.0/0'\ndc_relay_domains=\"Partner.example\" # x\n#dc_smarthost='no'\n";
        assert_eq!(macro_of(text, "MAIN_LOCAL_DOMAINS"), "@:localhost:city.example:b.example");
        assert_eq!(macro_of(text, "MAIN_RELAY_NETS"), "<; 10.1.0.0/16 ; 0.0.0.0/0 ; 127.0.0.1 ; ::1");
        assert_eq!(macro_of(text, "MAIN_RELAY_TO_DOMAINS"), "partner.example");
        assert_eq!(macro_of(text, "DCconfig_internet"), "1");
        let colons = "dc_eximconfig_configtype=local\ndc_relay_nets='10.0.0.0/8'\n";
        assert_eq!(macro_of(colons, "MAIN_RELAY_NETS"), "10.0.0.0/8 : 127.0.0.1 : ::::1");
        assert!(macros(&variables("dc_eximconfig_configtype='none'\n"), None).is_empty());
    }
}
