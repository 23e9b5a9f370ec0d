//! Templates are filled.
use minijinja::{Environment, context};
fn main() {
    let mut environment = Environment::new();
    environment
        .add_template("page", "<ul>{% for item in items %}{% if item.size > 50 %}<li class=\"{{ loop.index % 2 }}\">{{ item.name|upper }}: {{ item.size * 3 }}</li>{% else %}-{% endif %}{% endfor %}</ul>")
        .unwrap();
    let items: Vec<_> = guests::Numbers(17)
        .take(guests::size())
        .map(|n| context! { name => format!("module <{}>", n % 1000), size => n % 100 })
        .collect();
    println!(
        "{}",
        environment
            .get_template("page")
            .unwrap()
            .render(context! { items })
            .unwrap()
            .len()
    );
}
