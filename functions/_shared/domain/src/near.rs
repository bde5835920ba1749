//! Which known word was probably meant by one that is not known: for messages to people.

/// The known word that was probably meant: at most a third of its letters differ.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let distances = known.iter().map(|word| (distance(&given, &word.to_lowercase()), *word));
    let (far, word) = distances.min_by_key(|(far, _)| *far)?;
    (far <= (word.chars().count() / 3).max(1)).then_some(word)
}

/// Letters to add, drop, change or swap with the next to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    /// Longer words are nobody's typing error, and the table below is their lengths multiplied.
    const LETTERS_MAX: usize = 64;
    let a: Vec<char> = a.chars().take(LETTERS_MAX).collect();
    let b: Vec<char> = b.chars().take(LETTERS_MAX).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j - 1] + changed).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word_and_a_stranger_finds_none() {
        let known = ["no_answer", "sale", "dnc", "not_interested"];
        assert_eq!(nearest("no_awnser", &known), Some("no_answer"));
        assert_eq!(nearest("Sael", &known), Some("sale"));
        assert_eq!(nearest("interesting", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
