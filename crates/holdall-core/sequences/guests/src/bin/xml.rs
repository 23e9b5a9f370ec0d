//! XML is made and read.
use quick_xml::{Reader, events::Event};
fn main() {
    let mut xml = String::from("<bag>");
    for n in guests::Numbers(3).take(guests::size()) {
        xml += &format!(
            "<module id=\"{n}\" name='m{}'><size>{}</size>a &amp; b</module>\n",
            n % 100,
            n % 77
        );
    }
    xml += "</bag>";
    let mut reader = Reader::from_str(&xml);
    let mut sum = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                sum += tag
                    .attributes()
                    .map(|a| a.unwrap().value.len())
                    .sum::<usize>()
            }
            Event::Text(text) => sum += text.decode().unwrap().len(),
            Event::Eof => break,
            _ => {}
        }
    }
    println!("{sum}");
}
