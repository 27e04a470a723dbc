//! What is secret in Postfix artifacts: passwords written into table names, SQL and LDAP accounts.

use crate::platform::Secret;

/// Replaced by keyed digests before anything reaches the disk.
pub(super) const SECRETS: &[Secret] = &[
    Secret {
        artifacts: "postconf*",
        pattern: r"^[\w/.:-]*_sasl_password_maps[ \t]*=[ \t]*(?P<secret>\S.*(?:\n[ \t].*)*|(?:\n[ \t].*)+)",
    },
    Secret {
        artifacts: "files/*",
        pattern: r"^[\w/.:-]*_sasl_password_maps[ \t]*=[ \t]*(?P<secret>\S.*(?:\n[ \t].*)*|(?:\n[ \t].*)+)",
    },
    Secret {
        artifacts: "postconf*",
        pattern: r"-o[ \t]*\{?[ \t]*\w+_sasl_password_maps[ \t]*=[ \t]*(?P<secret>[^\s}]+)",
    },
    Secret {
        artifacts: "files/*",
        pattern: r"-o[ \t]*\{?[ \t]*\w+_sasl_password_maps[ \t]*=[ \t]*(?P<secret>[^\s}]+)",
    },
    Secret {
        artifacts: "files/*",
        pattern: r"(?i)^[ \t]*(?:password|passwd|bind_pw|bindpw|dbpass|secret)[ \t]*[=:][ \t]*(?P<secret>\S.*)$",
    },
    Secret { artifacts: "postconf*", pattern: r"://[^/\s:@]+:(?P<secret>[^@\s/]+)@" },
    Secret { artifacts: "files/*", pattern: r"://[^/\s:@]+:(?P<secret>[^@\s/]+)@" },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(artifact: &str, text: &str) -> String {
        SECRETS.iter().filter(|s| artifact.starts_with(s.artifacts.trim_end_matches('*'))).fold(
            text.to_owned(),
            |text, secret| {
                let regex = regex::RegexBuilder::new(secret.pattern).multi_line(true).build().unwrap();
                let mut out = text.clone();
                let hits: Vec<_> =
                    regex.captures_iter(&text).map(|c| c.name("secret").unwrap().range()).collect();
                for range in hits.into_iter().rev() {
                    out.replace_range(range, "#");
                }
                out
            },
        )
    }

    #[test]
    fn passwords_go_and_nothing_else() {
        let text = "a = 1\nsmtp_sasl_password_maps = static:relay:hunter2\nb = 2\nlmtp_sasl_password_maps =\nc = 3\n\
            smtp_sasl_password_maps =\n  inline:{x=y:z}\n  more\nd = 4\n";
        assert_eq!(
            redacted("postconf-n.txt", text),
            "a = 1\nsmtp_sasl_password_maps = #\nb = 2\nlmtp_sasl_password_maps =\nc = 3\n\
            smtp_sasl_password_maps =#\nd = 4\n"
        );
        assert_eq!(
            redacted("files/etc/postfix/sql.cf", "user = u\npassword = p q\n"),
            "user = u\npassword = #\n"
        );
        assert_eq!(redacted("files/x", "u mysql://user:pw@host/db"), "u mysql://user:#@host/db");
        assert_eq!(
            redacted("files/m", "smtp unix - - y - - smtp -o smtp_sasl_password_maps=static:a:b -o x=y"),
            "smtp unix - - y - - smtp -o smtp_sasl_password_maps=# -o x=y"
        );
    }
}
