//! A scripting language, interpreted in Rust.
fn main() {
    let script = r#"
        fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
        let words = #{};
        let list = [];
        for i in 0..SIZE {
            let key = "k" + (i * 7919 % 101);
            words[key] = if key in words { words[key] + 1 } else { 1 };
            list.push(i * i % 1009);
        }
        list.sort();
        let sum = 0.0;
        for x in list { sum += x * 0.5; }
        `${fib(14)} ${words.len()} ${sum}`
    "#
    .replace("SIZE", &guests::size().to_string());
    println!("{}", rhai::Engine::new().eval::<String>(&script).unwrap());
}
