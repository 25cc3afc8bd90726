//! The data set and the answers of the contest that `bench/httparena` enters, for races of its profiles.
//!
//! Peers and Ringgate read the same data set from a file, and make each answer anew.

/// Items of the data set.
const ITEMS: u32 = 50;

/// The number of items in an answer of a race.
pub const COUNT: u32 = 25;
/// The factor in an answer of a race.
pub const FACTOR: u32 = 4;
/// The delay of a race, in milliseconds.
pub const DELAY_MS: u32 = 10;

fn price(id: u32) -> u32 {
    id * 7 % 400 + 1
}

fn quantity(id: u32) -> u32 {
    id * 13 % 90 + 1
}

/// An item as the file has it, without its closing brace.
fn item(id: u32) -> String {
    let (price, quantity, score) = (price(id), quantity(id), id % 50);
    format!(
        "{{\"id\":{id},\"name\":\"Item {id}\",\"category\":\"tools\",\"price\":{price},\"quantity\":{quantity},\
         \"active\":true,\"tags\":[\"new\",\"small\"],\"rating\":{{\"score\":{score},\"count\":{id}}}"
    )
}

/// Fifty items in the form of the contest's, as JSON.
pub fn data_set() -> String {
    let items: Vec<_> = (1..=ITEMS).map(|id| item(id) + "}").collect();
    format!("[{}]", items.join(","))
}

/// The answer to `/json/COUNT?m=FACTOR`: the first items, each with its total.
pub fn items(count: u32, factor: u32) -> String {
    let count = count.min(ITEMS);
    let priced = |id| {
        let total = price(id) * quantity(id) * factor;
        format!("{},\"total\":{total}}}", item(id))
    };
    let items: Vec<_> = (1..=count).map(priced).collect();
    format!("{{\"items\":[{}],\"count\":{count}}}", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_the_items_of_the_data_set_with_their_totals() {
        let all: serde_json::Value = serde_json::from_str(&data_set()).expect("JSON");
        let some: serde_json::Value = serde_json::from_str(&items(3, 5)).expect("JSON");
        assert_eq!(all.as_array().map(Vec::len), Some(50));
        assert_eq!(
            (some["count"].as_u64(), some["items"][3].is_null()),
            (Some(3), true)
        );
        let (item, priced) = (&all[2], &some["items"][2]);
        let number = |of: &serde_json::Value, name: &str| of[name].as_u64().expect("a number");
        let total = number(item, "price") * number(item, "quantity") * 5;
        assert_eq!(number(priced, "total"), total);
        assert_eq!(priced["rating"], item["rating"]);
    }
}
