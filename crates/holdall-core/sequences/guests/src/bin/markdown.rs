//! Markdown becomes HTML.
fn main() {
    let text = guests::text(guests::size());
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(&text));
    println!("{}", html.len());
}
