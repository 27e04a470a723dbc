//! Algorithms by age. What a device of the year needs is added behind what everybody has, so that a device that knows
//! better still gets it.

use std::borrow::Cow;

use russh::client::GexParams;
use russh::keys::Algorithm;
use russh::{Preferred, cipher, kex, mac};

use crate::evidence::Age;

const KEX_2012: [kex::Name; 2] = [kex::DH_G14_SHA1, kex::DH_GEX_SHA1];
const KEX_2005: [kex::Name; 1] = [kex::DH_G1_SHA1];
const CIPHER_2012: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const CIPHER_2005: [cipher::Name; 1] = [cipher::TRIPLE_DES_CBC];
const MAC_2012: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// What is offered, the best first. `key` is left to the caller but for what age adds to it.
pub(super) fn preferred(age: Age) -> Preferred {
    let ecdh = [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
    let mut offered = Preferred::DEFAULT;
    let (mut kex, mut cipher) = (offered.kex.into_owned(), offered.cipher.into_owned());
    let (mut mac, mut key) = (offered.mac.into_owned(), offered.key.into_owned());
    kex.extend(ecdh);
    if age >= Age::Legacy2012 {
        add(&mut kex, &KEX_2012);
        add(&mut cipher, &CIPHER_2012);
        add(&mut mac, &MAC_2012);
    }
    if age >= Age::Legacy2005 {
        add(&mut kex, &KEX_2005);
        add(&mut cipher, &CIPHER_2005);
        add(&mut key, &[Algorithm::Dsa]);
    }
    offered.kex = Cow::Owned(kex);
    offered.cipher = Cow::Owned(cipher);
    offered.mac = Cow::Owned(mac);
    offered.key = Cow::Owned(key);
    offered
}

fn add<T: Clone + PartialEq>(to: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}

/// Sizes of groups in group exchange. The smallest that is allowed is what old network gear has (RFC 8270 asks for 2048);
/// the oldest gives up where more than that is preferred.
pub(super) fn groups(age: Age) -> GexParams {
    let preferred = if age == Age::Modern { 3072 } else { 2048 };
    GexParams::new(2048, preferred, 8192).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Algorithms;

    #[test]
    fn nothing_old_is_offered_unasked_and_new_things_stay_first() {
        let names = |age| {
            let p = preferred(age);
            let kex = p.kex.iter().map(|n| n.as_ref().to_owned());
            let rest = p.cipher.iter().map(|n| n.as_ref().to_owned());
            let mac = p.mac.iter().map(|n| n.as_ref().to_owned());
            kex.chain(rest).chain(mac).collect::<Vec<String>>()
        };
        let modern = names(Age::Modern);
        for old in ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "3des-cbc", "aes128-cbc"] {
            assert!(!modern.contains(&old.to_owned()), "{old}");
        }
        let old = names(Age::Legacy2005);
        assert!(modern.iter().all(|name| old.contains(name)));
        assert_eq!(old[0], modern[0]);
        let older = names(Age::Legacy2012);
        assert!(!older.contains(&"3des-cbc".to_owned()));
        // what is added for an age is known to be of it
        for (offered, age) in [(&modern, Age::Modern), (&older, Age::Legacy2012), (&old, Age::Legacy2005)] {
            let ages = offered.iter().map(|name| {
                let (rest, kex) = (String::new, name.clone());
                Algorithms { kex, host_key: rest(), cipher: rest(), mac: rest() }.age()
            });
            assert_eq!(ages.max(), Some(age));
        }
        assert!(old.contains(&"3des-cbc".to_owned()));
    }
}
