//! What sentences ask for. Not here: the columns that are found for it (`tests/wishes.rs`).

use super::*;

#[test]
fn sentences_name_fields_on_both_sides_of_the_words_that_link() {
    let table: &[(&str, &[&str])] = &[
        ("title, price and rating of every book", &["title", "price", "rating"]),
        ("every book with title, price and author", &["title", "price", "author"]),
        ("title, author with price", &["title", "author", "price"]),
        ("title of books with author", &["title", "author"]),
        ("price of books, author", &["price", "author"]),
        ("price of books, publisher", &["price", "publisher"]),
        ("the titles of all books with their price", &["title", "price"]),
        ("names of the authors", &["author name"]),
        ("the author's name and the price", &["author name", "price"]),
        ("title of every book", &["title"]),
        ("books with title and price", &["title", "price"]),
        ("all books: title, price", &["title", "price"]),
        ("every book: title, price and rating", &["title", "price", "rating"]),
        ("price of books with title", &["price", "title"]),
        ("get me the title and price of every book", &["title", "price"]),
        ("I'd like the titles, prices and links", &["title", "price", "link"]),
        ("I would like the title of each post", &["title"]),
        ("list of books (title, price)", &["title", "price"]),
        ("a list of all books with title and author", &["title", "author"]),
        ("list of titles and prices", &["title", "price"]),
        ("each book's title and price", &["title", "price"]),
        ("all books' titles and their ratings", &["title", "rating"]),
        ("every story's points, author and number of comments", &["point", "author", "comment"]),
        ("title, points and author of every story", &["title", "point", "author"]),
        ("title and number of comments of every story", &["title", "comment"]),
        ("all books and their authors", &["author"]),
        ("books and their authors", &["author"]),
        ("title of every book and its author", &["title", "author"]),
        ("title of every book as well as the link", &["title", "link"]),
        ("for each book, title and price", &["title", "price"]),
        ("for every product I need name and price", &["name", "price"]),
        ("for each book get the title and the price", &["title", "price"]),
        ("name of the author, price and rating of each book", &["author name", "price", "rating"]),
        ("all of the books with price", &["price"]),
        ("all books", &[]),
        ("all information about the book", &[]),
        ("everything on all pages", &[]),
        ("products on this page", &[]),
        ("the books from this site", &[]),
        ("all reviews with author and text", &["author", "text"]),
        ("reviews with author", &["author"]),
        ("author, rating and text of reviews", &["author", "rating", "text"]),
        ("language and stars of repositories", &["language", "star"]),
        ("team and points", &["team", "point"]),
        ("title/author/price", &["title", "author", "price"]),
        ("books - title, price", &["title", "price"]),
        ("publisher of every book", &["publisher"]),
        ("title of books in stock with price", &["title", "price"]),
        ("title & price for all books", &["title", "price"]),
        ("title, price (e.g. 5 pounds, in euros) and author", &["title", "price", "author"]),
        ("title, publisher with price", &["title", "publisher", "price"]),
        ("show the job title, company and location of every job", &["job title", "company", "location"]),
        ("link of the author and title", &["author link", "title"]),
        ("title and price of all books except those under 20", &["title", "price"]),
        ("books with price under 20 and title", &["title"]),
        ("every page: headline plus date", &["headline", "date"]),
        ("", &[]),
    ];
    assert!(table.len() >= 40);
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(text, fields)| {
            let wanted = read(text);
            (wanted.fields != *fields).then(|| format!("{text}: {wanted:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn later_sentences_add_replace_or_take_away_fields() {
    let before = "title and price of every book";
    for (feedback, fields) in [
        ("also the rating", vec!["title", "price", "rating"]),
        ("also the publisher", vec!["title", "price", "publisher"]),
        ("price and rating are missing", vec!["title", "price", "rating"]),
        ("the rating is not there", vec!["title", "price", "rating"]),
        ("only the title and author", vec!["title", "author"]),
        ("I only want the rating", vec!["rating"]),
        ("just title, please", vec!["title"]),
        ("only those under 20", vec!["title", "price"]),
        ("only books with price under 20", vec!["title", "price"]),
        ("without the price", vec!["title"]),
        ("please include the author too", vec!["title", "price", "author"]),
    ] {
        let wanted = read(&format!("{before}\n{feedback}"));
        assert_eq!(wanted.fields, fields, "{feedback}: {wanted:?}");
        assert!(wanted.all_pages, "{feedback}");
    }
}

#[test]
fn each_sentence_may_name_fields() {
    for (text, fields) in [
        ("books with title and price\nalso the rating, and the price", vec!["title", "price", "rating"]),
        ("Get all books. I need title, price (e.g. 5 pounds) and author.", vec!["title", "price", "author"]),
    ] {
        assert_eq!(read(text).fields, fields, "{text}");
    }
}
