//! Which forms of an answer a client accepts, and how gladly: content codings (RFC 9110 section 12.5.3) and media
//! types (section 12.5.1).
//!
//! Pure but for [`Request`]'s own methods. Called by code that has an answer in several forms, and sends the one that
//! it chooses: the files of the built-in application, and what is put around answers.

use super::request::Request;
use smallvec::SmallVec;

/// The weight of what a client names without one, in thousandths (RFC 9110 section 12.4.2).
const FULL_WEIGHT: u16 = 1000;
/// Members of a list that are looked at; who names more of them does not mean it.
const MEMBERS_MAX: usize = 32;

/// Codings in the order in which a client would have them.
pub(crate) type Ranked = SmallVec<[&'static str; 4]>;

/// The members of a list with weights: what is named, in any case, and its weight in thousandths. A member whose weight
/// is none is left out, for nobody knows what it means.
fn members<'a>(lines: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = (&'a str, u16)> {
    let texts = lines.filter_map(|line| std::str::from_utf8(line).ok());
    let parts = texts.flat_map(|text| text.split(','));
    let members = parts.filter_map(|member| {
        let mut parts = member.split(';').map(|part| part.trim_matches([' ', '\t']));
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim_end().eq_ignore_ascii_case("q").then_some(value)
        });
        Some((name, weight.map_or(Some(FULL_WEIGHT), weight_of)?))
    });
    members.take(MEMBERS_MAX)
}

/// A weight: 0 to 1, with at most three decimals.
fn weight_of(text: &str) -> Option<u16> {
    let (whole, decimals) = text
        .trim_start()
        .split_once('.')
        .unwrap_or((text.trim_start(), ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{decimals:0<3}")
        .parse()
        .ok()
        .filter(|_| is_number)?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(FULL_WEIGHT),
        _ => None,
    }
}

/// The codings among `offered` that a client accepts, the one that it likes best first; of those that it likes as well,
/// the one that is offered first. Codings that it likes less than the content as it is are left out.
pub(crate) fn ranked<'a>(
    accept_encoding: impl Iterator<Item = &'a [u8]>,
    offered: &[&'static str],
) -> Ranked {
    let members: SmallVec<[(&str, u16); 8]> = members(accept_encoding).collect();
    let named = |coding: &str| {
        let is_it = |(name, _): &&(&str, u16)| {
            let name = match name.len() {
                6 if name.eq_ignore_ascii_case("x-gzip") => "gzip",
                _ => name,
            };
            name.eq_ignore_ascii_case(coding)
        };
        members.iter().find(is_it).map(|(_, weight)| *weight)
    };
    let any = named("*");
    let plain = named("identity").unwrap_or(0);
    let weighed = offered.iter().filter_map(|coding| {
        let weight = named(coding).or(any).filter(|weight| *weight > 0)?;
        (weight >= plain).then_some((*coding, weight))
    });
    let mut weighed: SmallVec<[(&str, u16); 4]> = weighed.collect();
    weighed.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    weighed.into_iter().map(|(coding, _)| coding).collect()
}

/// The media type among `offered` that a client names and likes best. `*/*` and the like name none: who sends that gets
/// what it would get without a choice.
fn preferred_type<'a>(
    accept: impl Iterator<Item = &'a [u8]>,
    offered: &[&'static str],
) -> Option<&'static str> {
    let mut best: Option<(&'static str, u16)> = None;
    for (name, weight) in members(accept) {
        let is_it = |offer: &&&'static str| offer.eq_ignore_ascii_case(name);
        let Some(offer) = offered.iter().find(is_it).filter(|_| weight > 0) else {
            continue;
        };
        if best.is_none_or(|(_, most)| weight > most) {
            best = Some((offer, weight));
        }
    }
    best.map(|(offer, _)| offer)
}

impl<S> Request<S> {
    /// The values of the fields of a name.
    pub(super) fn lines<'r>(&'r self, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
        let fields = self.headers();
        fields.filter_map(move |(have, value)| have.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The content codings among `offered` that the client accepts (Accept-Encoding, RFC 9110 section 12.5.3), the one
    /// that it likes best first; of those that it likes as well, the one that is offered first. An answer in one of
    /// them says so in Content-Encoding, and any answer says `Vary: accept-encoding`.
    ///
    /// ```
    /// use ringgate::{Request, Router, testing};
    ///
    /// async fn codings(request: Request) -> String {
    ///     request.accepted_codings(&["br", "gzip"]).join(" ")
    /// }
    ///
    /// let client = testing::client(Router::new().get("/", codings), ());
    /// let asked = |accepts| client.get("/").header("Accept-Encoding", accepts).send().text().to_owned();
    /// assert_eq!(asked("gzip, deflate, br"), "br gzip");
    /// assert_eq!(asked("gzip, br;q=0.5"), "gzip br");
    /// assert_eq!(asked("br;q=0, *"), "gzip");
    /// ```
    pub fn accepted_codings(&self, offered: &[&'static str]) -> Vec<&'static str> {
        self.ranked_codings(offered).into_vec()
    }

    /// The media type among `offered` that the client names in Accept and likes best; None if it names none of them, as
    /// with `*/*`.
    pub(crate) fn preferred_type(&self, offered: &[&'static str]) -> Option<&'static str> {
        preferred_type(self.lines("accept"), offered)
    }

    /// As [`Request::accepted_codings`], without an allocation.
    pub(crate) fn ranked_codings(&self, offered: &[&'static str]) -> Ranked {
        ranked(self.lines("accept-encoding"), offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 3] = ["br", "zstd", "gzip"];

    #[track_caller]
    fn check(accept: &str, expected: &[&str]) {
        let ranked = ranked([accept.as_bytes()].into_iter(), &OFFERED);
        assert_eq!(ranked.as_slice(), expected, "{accept:?}");
    }

    #[test]
    fn a_client_that_names_no_coding_gets_none() {
        assert!(ranked(std::iter::empty(), &OFFERED).is_empty());
        for accept in ["", ",", "identity", "deflate", "compress, deflate;q=1"] {
            check(accept, &[]);
        }
    }

    #[test]
    fn codings_come_in_the_order_of_their_weights_and_then_of_the_offer() {
        check("gzip, deflate, br", &["br", "gzip"]);
        check("gzip;q=1.0, br;q=0.9, zstd;q=0.95", &["gzip", "zstd", "br"]);
        check("GZIP ; Q=0.5 , Br;q=0.501", &["br", "gzip"]);
        check("x-gzip", &["gzip"]);
        let lines: [&[u8]; 2] = [b"gzip", b"br"];
        assert_eq!(
            ranked(lines.into_iter(), &OFFERED).as_slice(),
            ["br", "gzip"]
        );
    }

    #[test]
    fn a_weight_of_nothing_is_a_refusal_and_a_star_stands_for_all_that_are_not_named() {
        check("gzip;q=0, br;q=0.000, zstd", &["zstd"]);
        check("*", &["br", "zstd", "gzip"]);
        check("*;q=0, gzip", &["gzip"]);
        check("*;q=0", &[]);
        check("br;q=0, *;q=0.1", &["zstd", "gzip"]);
    }

    #[test]
    fn content_as_it_is_wins_where_a_client_likes_it_better() {
        check("identity, gzip;q=0.5", &[]);
        check("identity;q=0.5, gzip;q=0.5, br;q=0.4", &["gzip"]);
        check("identity;q=0, gzip", &["gzip"]);
    }

    #[test]
    fn a_member_with_a_malformed_weight_is_left_out() {
        for weight in ["2", "1.1", "0.1234", "-1", "a", "", "0.x", ".5", "1.001"] {
            check(&format!("gzip;q={weight}, br"), &["br"]);
        }
        let long = format!("{}gzip", "a,".repeat(MEMBERS_MAX));
        check(&long, &[]);
    }

    #[test]
    fn a_media_type_is_preferred_by_name_and_never_by_a_star() {
        let offered = ["text/html", "application/json"];
        let preferred = |accept: &str| preferred_type([accept.as_bytes()].into_iter(), &offered);
        assert_eq!(
            preferred("text/html,application/xml;q=0.9,*/*;q=0.8"),
            Some("text/html")
        );
        assert_eq!(preferred("application/json"), Some("application/json"));
        assert_eq!(
            preferred("text/html;q=0.5, application/json"),
            Some("application/json")
        );
        assert_eq!(preferred("text/html; charset=utf-8;q=0, */*"), None);
        for accept in ["", "*/*", "text/*", "image/png"] {
            assert_eq!(preferred(accept), None, "{accept}");
        }
    }
}
