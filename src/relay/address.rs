//! Mail addresses as servers read them: tokens, quoting, and the routing that hides in a local part.
//!
//! RFC 5321 section 4.1.2 gives the grammar; servers are more generous (RFC 822 comments, `user%host`,
//! `host!user`, source routes), and relay holes live in that generosity (RFC 2505 section 2.1). What a server does
//! with such a form is configuration: [`Forms`]. Two spellings exist of every address: *external* (quoted where
//! needed, as on the wire) and *internal* (unquoted, as table keys are built from).

use super::tokens::{Token, external, internal, last, quote, scan, strip_dot, unquote};

/// Longest address that is looked at, in bytes; longer ones are an error (RFC 5321 section 4.5.3.1.3 allows 256).
const MAX_LENGTH: usize = 2048;

/// How a server completes and takes apart addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms {
    /// `user%host` without a domain means `user@host`.
    pub percent_hack: bool,
    /// `host!user` without a domain means `user@host`.
    pub bang_path: bool,
    /// Routing is looked for inside a quoted local part too.
    pub dequote: bool,
    /// `user@` counts as `user`.
    pub null_domain: bool,
    /// A bare network address as domain counts as an address literal.
    pub numeric_domain: bool,
    /// Domain appended to a name without one.
    pub origin: Option<Box<str>>,
    /// Domain appended to a domain without a dot.
    pub dot_domain: Option<Box<str>>,
    /// The server's own name, the domain of last resort.
    pub host_name: Box<str>,
    /// What an empty address is read as.
    pub empty_address: Box<str>,
    /// A bare `postmaster` is taken whatever is asked at RCPT TO (RFC 5321 section 4.5.1).
    pub takes_postmaster: bool,
    /// Forms that are a syntax error here.
    pub refuses: Refuses,
}

/// Forms of an address that a server does not take in MAIL and RCPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refuses {
    /// Names without a domain; the null sender and `postmaster` aside.
    pub bare: bool,
    /// Local parts in quotes.
    pub quoted: bool,
    /// Address literals as domain.
    pub literals: bool,
    /// A second `@` outside of quotes and source routes.
    pub doubled: bool,
    /// Senders without a domain, the null sender aside.
    pub bare_sender: bool,
    /// Recipients written as a path, `host!user`.
    pub bang: bool,
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            percent_hack: true,
            bang_path: true,
            dequote: true,
            null_domain: false,
            numeric_domain: false,
            origin: None,
            dot_domain: None,
            host_name: "localhost".into(),
            empty_address: "MAILER-DAEMON".into(),
            takes_postmaster: false,
            refuses: Refuses::default(),
        }
    }
}

/// An address after every domain of this host has been taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// `user@domain`, internal form, lower case.
    pub mailbox: String,
    /// Whether the remaining domain is one of this host's own.
    pub local: bool,
    /// Whether the local part still names a route (`%`, `!`, `@`).
    pub routed: bool,
    /// Whether the domain is no valid name or literal.
    pub invalid: bool,
}

impl Resolved {
    /// What stands behind the last `@`.
    pub fn domain(&self) -> &str {
        self.mailbox.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// The internal form of the address in a MAIL or RCPT argument (the text between the angle brackets).
pub fn from_argument(argument: &str) -> Option<String> {
    if argument.len() > MAX_LENGTH {
        return None;
    }
    let tokens: Vec<Token> = scan(argument).into_iter().filter(|t| !matches!(t, Token::Comment(_))).collect();
    Some(internal(&tokens))
}

impl Forms {
    /// The address completed: source route taken off, `%` and `!` turned where there is no domain, origin appended.
    /// Internal form in and out.
    pub fn complete(&self, address: &str) -> String {
        let mut tokens = scan(&quote(address));
        self.rewrite(&mut tokens);
        unquote(&external(&tokens))
    }

    /// Takes this host's domains off until a foreign one or none is left. `is_local` answers for a domain in
    /// lower case; internal form in and out.
    pub fn resolve(&self, address: &str, is_local: &mut dyn FnMut(&str) -> bool) -> Resolved {
        let mut tokens = scan(&quote(address));
        let mut own: Option<Vec<Token>> = None;
        let mut remote = false;
        for _ in 0..address.len().min(MAX_LENGTH) + 100 {
            self.strip_tail(&mut tokens);
            if let Some(at) = last(&tokens, '@') {
                let domain = internal(tokens.get(at + 1..).unwrap_or_default()).to_ascii_lowercase();
                if !domain.is_empty() && !is_local(&domain) {
                    remote = true;
                    break;
                }
                own = Some(tokens.split_off(at));
            }
            if last(&tokens, '@').is_some()
                || (self.bang_path && last(&tokens, '!').is_some())
                || (self.percent_hack && last(&tokens, '%').is_some())
            {
                self.rewrite(&mut tokens);
            } else if let Some(cracked) = self.crack(&tokens) {
                tokens = cracked;
                self.rewrite(&mut tokens);
            } else if tokens.is_empty() || tokens == [Token::Quoted(String::new())] {
                tokens = scan(&self.empty_address);
            } else if own.is_none() {
                tokens.push(Token::Op('@'));
                tokens.extend(scan(&self.host_name));
            } else {
                break;
            }
        }
        if !remote {
            tokens.extend(own.unwrap_or_else(|| scan(&format!("@{}", self.host_name))));
        }
        self.finish(internal(&tokens), !remote, is_local)
    }

    fn finish(&self, mailbox: String, local: bool, is_local: &mut dyn FnMut(&str) -> bool) -> Resolved {
        let mut mailbox = mailbox.to_ascii_lowercase();
        let mut local = local;
        let (user, domain) = mailbox.rsplit_once('@').unwrap_or((&mailbox, ""));
        let mut invalid =
            if domain.starts_with('[') { literal_address(domain).is_none() } else { !is_host_name(domain) };
        if invalid && self.numeric_domain && domain.parse::<std::net::IpAddr>().is_ok() {
            let bracketed = format!("{user}@[{domain}]");
            invalid = false;
            mailbox = bracketed;
            local = local || is_local(mailbox.rsplit_once('@').map_or("", |(_, d)| d));
        }
        let domain = mailbox.rsplit_once('@').map_or("", |(_, d)| d);
        let routed = mailbox.find(['@', '!', '%']).and_then(|i| mailbox.get(i + 1..)) != Some(domain);
        invalid |= mailbox.starts_with('-');
        Resolved { local, routed, invalid, mailbox }
    }

    /// A trailing dot of a domain goes; so does a trailing `@` where configured.
    fn strip_tail(&self, tokens: &mut Vec<Token>) {
        strip_dot(tokens, last(tokens, '@').is_some());
        if self.null_domain && tokens.last() == Some(&Token::Op('@')) {
            tokens.pop();
        }
    }

    /// A lone quoted string that holds routing, opened.
    fn crack(&self, tokens: &[Token]) -> Option<Vec<Token>> {
        let [Token::Quoted(text)] = tokens else { return None };
        let at = text
            .rfind('@')
            .or_else(|| text.rfind('%').filter(|_| self.percent_hack))
            .or_else(|| text.rfind('!').filter(|_| self.bang_path))
            .filter(|_| self.dequote)?;
        let (head, tail) = text.split_at_checked(at)?;
        let tail = tail.replacen('%', "@", usize::from(tail.starts_with('%')));
        let opened = format!("{head}{tail}");
        Some(scan(&if tail.starts_with('@') { quote(&opened) } else { opened }))
    }

    fn rewrite(&self, tokens: &mut Vec<Token>) {
        if tokens.is_empty() || *tokens == [Token::Quoted(String::new())] {
            return;
        }
        if *tokens == [Token::Op('@')] {
            *tokens = vec![Token::Quoted(String::new())];
            return;
        }
        if tokens.first() == Some(&Token::Op('@'))
            && let Some(colon) = tokens.iter().position(|t| *t == Token::Op(':'))
            && colon + 1 < tokens.len()
        {
            tokens.drain(..=colon);
        }
        if last(tokens, '@').is_none() {
            self.add_domain(tokens);
        }
        if let (Some(domain), Some(at)) = (&self.dot_domain, last(tokens, '@')) {
            let behind = tokens.get(at + 1..).unwrap_or_default();
            let plain = |t: &Token| !matches!(t, Token::Literal(_) | Token::Op('.'));
            if !behind.is_empty() && behind.iter().all(plain) {
                tokens.push(Token::Op('.'));
                tokens.extend(scan(domain));
            }
        }
        strip_dot(tokens, true);
    }

    fn add_domain(&self, tokens: &mut Vec<Token>) {
        let bang = tokens.iter().position(|t| *t == Token::Op('!')).filter(|_| self.bang_path);
        if let Some(bang) = bang {
            let mut user = tokens.split_off(bang);
            let site = std::mem::take(tokens);
            user.remove(0);
            tokens.extend(user);
            tokens.push(Token::Op('@'));
            tokens.extend(site);
        } else if let Some(percent) = last(tokens, '%').filter(|_| self.percent_hack) {
            if let Some(token) = tokens.get_mut(percent) {
                *token = Token::Op('@');
            }
        } else if let Some(origin) = &self.origin {
            tokens.push(Token::Op('@'));
            tokens.extend(scan(origin));
        }
    }
}

/// Whether `name` is a valid host name: letters, digits, `_`, `-`, dots in the right places, not all numeric.
pub fn is_host_name(name: &str) -> bool {
    let labels_fit = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    });
    labels_fit && name.len() <= 255 && name.bytes().any(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// The address in a literal: `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3).
pub fn literal_address(literal: &str) -> Option<std::net::IpAddr> {
    let inner = literal.strip_prefix('[')?.strip_suffix(']')?;
    match inner.get(..5).filter(|p| p.eq_ignore_ascii_case("ipv6:")).and_then(|_| inner.get(5..)) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().ok().map(Into::into),
        None => inner.parse::<std::net::Ipv4Addr>().ok().map(Into::into),
    }
}

#[cfg(test)]
mod tests;
