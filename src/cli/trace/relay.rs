//! The relay half of `trace`: one attempt in, the server's reply to RCPT TO out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::platform::DeviceModel;
use crate::reason::Reason;
use crate::relay::{self, Answer, Attempt, ClientName, Facts, ServiceAnswer, Verdict};
use crate::report::{Lang, words};

/// Foreign domains that a query may take for granted to exist; any other DNS fact is unknown.
const EXISTING: [&str; 3] = ["outside.example", "carrier.example", "mxpointed.example"];

/// One query line.
#[derive(Deserialize)]
struct Query {
    id: Value,
    client: IpAddr,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_name_verified: bool,
    server: IpAddr,
    port: u16,
    #[serde(default)]
    helo: Option<String>,
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    auth: Value,
    #[serde(default)]
    mail_from: String,
    rcpt_to: String,
    #[serde(default)]
    policy: Option<String>,
}

/// Answers one relay query.
///
/// # Errors
/// What is wrong with the query.
pub(super) fn answer(model: &DeviceModel, query: Value) -> Result<Value, serde_json::Error> {
    let query: Query = serde_json::from_value(query)?;
    let (attempt, facts) = (attempt(&query), facts(&query));
    let answer = match &model.relay {
        Some(policy) => relay::answer(policy, &attempt, &facts),
        None => Answer {
            verdict: Verdict::Undecided,
            confidence: crate::finding::Confidence::Possible,
            code: None,
            lines: Vec::new(),
            why: vec![Reason::ArtifactMissing { artifact: "mail relay configuration".into() }],
            leaves: None,
        },
    };
    Ok(rendered(&query.id, &answer))
}

fn attempt(query: &Query) -> Attempt {
    let name = match &query.client_name {
        None => ClientName::Missing,
        Some(name) if query.client_name_verified => ClientName::Verified(name.clone()),
        Some(name) => ClientName::Unverified(name.clone()),
    };
    Attempt {
        client: query.client,
        name,
        server: query.server,
        port: query.port,
        helo: query.helo.clone(),
        tls: query.tls,
        certificate: None,
        login: query.auth.as_str().map(str::to_owned),
        mail_from: query.mail_from.clone(),
        rcpt_to: query.rcpt_to.clone(),
        claim: None,
    }
}

fn facts(query: &Query) -> Facts {
    Facts {
        existing: EXISTING.iter().map(|d| (*d).to_owned()).collect::<BTreeSet<_>>(),
        service: query.policy.as_deref().and_then(ServiceAnswer::parse),
        ..Facts::default()
    }
}

fn rendered(id: &Value, answer: &Answer) -> Value {
    let line = answer.lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let why = answer.why.iter().map(|reason| words::reason(reason, Lang::En)).collect::<Vec<_>>().join("; ");
    let mut out = json!({
        "id": id,
        "verdict": answer.verdict,
        "confidence": answer.confidence,
    });
    if let Value::Object(fields) = &mut out {
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if let Some(code) = answer.code {
            put("code", code.into());
        }
        if !line.is_empty() {
            put("line", line.into());
        }
        if !why.is_empty() {
            put("why", why.into());
        }
    }
    out
}
