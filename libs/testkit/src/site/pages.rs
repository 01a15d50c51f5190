//! What the pages of the test site say. Not here: serving them.

use std::fmt::Write;

const TITLES: [&str; 24] = [
    "A Light in the Attic",
    "Tipping the Velvet",
    "Soumission",
    "Sharp Objects",
    "Sapiens",
    "The Requiem Red",
    "The Dirty Little Secrets",
    "The Coming Woman",
    "The Boys in the Boat",
    "The Black Maria",
    "Starving Hearts",
    "Shakespeare's Sonnets",
    "Set Me Free",
    "Scott Pilgrim",
    "Rip it Up",
    "Our Band Could Be",
    "Olio",
    "Mesaerion",
    "Libertarianism for Beginners",
    "It's Only the Himalayas",
    "In Her Wake",
    "How Music Works",
    "Foolproof Preserving",
    "Chase Me",
];

pub(super) struct Book {
    pub(super) number: usize,
    pub(super) title: &'static str,
    pub(super) price: String,
    pub(super) rating: usize,
}

pub(super) fn all() -> Vec<Book> {
    let book = |(index, title): (usize, &&'static str)| Book {
        number: index + 1,
        title,
        price: format!("£{}.{:02}", 10 + index * 2, (index * 37) % 100),
        rating: 1 + index % 5,
    };
    TITLES.iter().enumerate().map(book).collect()
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head><body>\
         <header><nav><a href=/>Home</a> <a href=/about>About</a> <a href=/contact>Contact</a></nav></header>\
         <main><h1>{title}</h1>{body}</main><footer><p>© The shop</p></footer></body></html>"
    )
}

pub(super) fn books(pager: &str, shown: &[Book]) -> String {
    let mut list = String::from("<ol class=row>");
    for Book { number, title, price, rating } in shown {
        let _ = write!(
            list,
            "<li class=col><article class=product_pod><div class=image_container><a href=/book/{number}><img src=/img/{number}.jpg alt=\"\"></a></div>\
             <p class=star-rating data-rating={rating}>{rating} of 5 stars</p>\
             <h3><a href=/book/{number} title=\"{title}\">{title}</a></h3>\
             <div class=product_price><p class=price_color>{price}</p><p class=availability>In stock</p></div></article></li>"
        );
    }
    whole("Books", &format!("{list}</ol>{pager}"))
}

pub(super) fn pager(number: usize) -> String {
    let next = if number < 3 {
        format!("<li class=next><a href=\"/books?page={}\" rel=next>next</a></li>", number + 1)
    } else {
        String::new()
    };
    format!("<ul class=pager><li class=current>Page {number} of 3</li>{next}</ul>")
}

pub(super) fn book(book: &Book) -> String {
    let Book { title, price, rating, number } = book;
    whole(
        title,
        &format!(
            "<div class=product_main><p class=price_color>{price}</p><p class=star-rating>{rating} of 5 stars</p></div>\
             <dl class=facts><dt>UPC</dt><dd>a897fe{number}</dd><dt>Product Type</dt><dd>Books</dd>\
             <dt>Availability</dt><dd>In stock ({number} available)</dd></dl>\
             <h2>Description</h2><p>It is hard to imagine a world without {title}. This classic has been read by many.</p>"
        ),
    )
}

pub(super) fn table() -> String {
    let teams = ["Boston", "Chicago", "Denver", "Houston", "Miami", "New York", "Orlando", "Phoenix"];
    let rows: String = teams
        .iter()
        .enumerate()
        .map(|(n, team)| {
            format!(
                "<tr><td>{team}</td><td>{}</td><td>{}</td><td>0.{}</td></tr>",
                50 - n * 3,
                12 + n * 2,
                900 - n * 55
            )
        })
        .collect();
    whole(
        "Standings",
        &format!(
            "<table><thead><tr><th>Team</th><th>Wins</th><th>Losses</th><th>Share</th></tr></thead><tbody>{rows}</tbody></table>"
        ),
    )
}

pub(super) fn json_ld() -> String {
    let items: Vec<String> = all()
        .iter()
        .take(6)
        .map(|book| {
            let (title, price) = (book.title, book.price.trim_start_matches('£'));
            format!("{{\"@type\":\"Product\",\"name\":\"{title}\",\"offers\":{{\"price\":\"{price}\",\"priceCurrency\":\"GBP\"}}}}")
        })
        .collect();
    let script = format!("{{\"@context\":\"https://schema.org\",\"@graph\":[{}]}}", items.join(","));
    whole("Offers", &format!("<script type=\"application/ld+json\">{script}</script><div id=root></div>"))
}

pub(super) fn next_data() -> String {
    let items: Vec<String> = all()
        .iter()
        .take(9)
        .map(|book| {
            format!("{{\"id\":{},\"title\":\"{}\",\"price\":\"{}\"}}", book.number, book.title, book.price)
        })
        .collect();
    let data =
        format!("{{\"props\":{{\"pageProps\":{{\"books\":[{}]}}}},\"page\":\"/next\"}}", items.join(","));
    whole(
        "Catalogue",
        &format!("<div id=__next></div><script id=__NEXT_DATA__ type=\"application/json\">{data}</script>"),
    )
}

pub(super) fn cafes() -> String {
    let names = ["Café Olé", "Brûlerie Zoé", "Señor Té", "Über Röst", "Crème Brûlée", "Piñata"];
    let rows: String = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            format!(
                "<div class=cafe><h2>{name}</h2><p class=street>Straße {n}</p><p class=cup>{}.50 £</p></div>",
                n + 2
            )
        })
        .collect();
    whole("Cafés", &rows).replace("<meta charset=utf-8>", "").replace('©', "(c)")
}

/// Name, price, maker.
pub(super) fn goods(sale: bool) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut goods = vec![
        ("Iron kettle", "$10.00", "Forge"),
        ("Jade mirror", "$12.50", "Loom"),
        ("Oak ladder", "$99.00", "Forge"),
        ("Tin saddle", "$7.20", "Mill"),
        ("Wool blanket", "$45.00", "Loom"),
        ("Brass lamp", "$31.90", "Forge"),
    ];
    if sale {
        goods[1].1 = "$9.99";
        goods.remove(3);
        goods.push(("Clay pot", "$5.00", "Kiln"));
    }
    goods
}

pub(super) fn shop(goods: &[(&str, &str, &str)], redesigned: bool) -> String {
    let mut list = String::new();
    for (name, price, maker) in goods {
        let slug = name.to_lowercase().replace(' ', "-");
        let _ = if redesigned {
            write!(
                list,
                "<section class=tile><header><a class=tile-link href=\"/goods/{slug}\"><strong>{name}</strong></a></header>\
                 <dl><dt>Maker</dt><dd class=by>{maker}</dd><dt>Now</dt><dd class=amount>{price}</dd></dl></section>"
            )
        } else {
            write!(
                list,
                "<div class=card><h2><a href=\"/goods/{slug}\">{name}</a></h2><span class=cost>{price}</span>\
                 <i class=maker>{maker}</i></div>"
            )
        };
    }
    let class = if redesigned { "tiles" } else { "grid" };
    whole("Shop", &format!("<div class={class}>{list}</div>"))
}

pub(super) const LOGIN: &str = "<!doctype html><title>Sign in</title><h1>Please sign in</h1>\
    <form method=post action=/session><label>Name <input name=user></label>\
    <label>Password <input type=password name=password></label><button>Sign in</button></form>";

pub(super) const APP: &str = "<!doctype html><html><head><title>Shop</title><script src=/static/app.8f3a.js defer></script></head>\
    <body><noscript>You need to enable JavaScript to run this app.</noscript><div id=root></div></body></html>";
