//! A picture is drawn, written as PNG and read.
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Stroke, Transform};
fn main() {
    let size = guests::size() as u32;
    let mut map = Pixmap::new(size, size).unwrap();
    map.fill(Color::WHITE);
    let mut numbers = guests::Numbers(5).map(move |n| (n % size as usize) as f32);
    let mut next = || numbers.next().unwrap();
    for n in 0..40 {
        let mut path = PathBuilder::new();
        path.move_to(next(), next());
        path.cubic_to(next(), next(), next(), next(), next(), next());
        path.quad_to(next(), next(), next(), next());
        path.close();
        let path = path.finish().unwrap();
        let mut paint = Paint::default();
        paint.set_color_rgba8(n * 6, 255 - n * 5, n * 3, 160);
        paint.anti_alias = true;
        map.fill_path(
            &path,
            &paint,
            FillRule::EvenOdd,
            Transform::identity(),
            None,
        );
        map.stroke_path(
            &path,
            &paint,
            &Stroke::default(),
            Transform::identity(),
            None,
        );
    }
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, size, size);
    encoder.set_color(png::ColorType::Rgba);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(map.data())
        .unwrap();
    let mut reader = png::Decoder::new(&*png).read_info().unwrap();
    let mut back = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut back).unwrap();
    assert!(back == map.data());
    println!("{}", png.len());
}
