//! Streams as sound peers write them: varied text in many scripts, binary, and HELLOs with varied options.

use bookend::{Encoding, Hello, kind, text};

use crate::formats::{crc32, docker, number, slip, websocket};

/// SplitMix64: small, seeded, the same everywhere.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// 0 up to but not including `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    /// 1 byte to 60,000, small ones more often: the diagnosis looks at 64 KiB and has to see where a frame ends.
    pub(crate) fn size(&mut self) -> usize {
        let bits = self.below(17);
        let below = 1 << bits;
        (below / 2 + self.below(below)).clamp(1, 60_000)
    }
}

/// A frame before it is written.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) kind: u8,
    pub(crate) encoding: Encoding,
    pub(crate) fixed: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    /// The text of the payload, if it is text.
    pub(crate) text: Option<String>,
}

impl Draft {
    pub(crate) fn body(&self) -> Vec<u8> {
        [&self.fixed[..], &self.payload].concat()
    }

    /// The bytes of the frame.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        self.write(&mut wire);
        wire
    }

    /// As SPEC 2 has it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let body = self.body();
        out.extend([0xF5, 0xF8, self.kind, self.encoding as u8]);
        out.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
        out.extend(body);
        out.extend([0xF8, 0xF5]);
    }
}

/// HELLO and up to eight frames of one side; some streams are a HELLO alone, as a live peer's is.
pub(crate) fn stream(chance: &mut Chance) -> Vec<Draft> {
    let from_hub = chance.once_in(3);
    let mut frames = vec![hello(chance)];
    for _ in 0..1 + chance.below(8) {
        frames.push(frame(chance, from_hub));
    }
    frames
}

fn hello(chance: &mut Chance) -> Draft {
    let names = ["ann", "bob", "Jürgen", "李雷", "Мария", "a-rather-long-name-of-a-machine.example", "κώστας", "😀"];
    let mut hello = Hello::new().with_hub(chance.once_in(2)).with_keepalive([0, 2, 30, 60][chance.below(4)]);
    hello = hello
        .with_preferred(Encoding::ALL[chance.below(5)])
        .with_max_body([1 << 16, 1 << 20, 1 << 24][chance.below(3)]);
    if !chance.once_in(3) {
        hello = hello.with_name(chance.pick(&names)).expect("a plain line");
    }
    if chance.once_in(3) {
        hello = hello.with_room(chance.pick(&["lobby", "Räume", "日本"])).expect("a plain line");
    }
    if chance.once_in(3) {
        let length = 1 + chance.below(40);
        hello = hello.with_token(&chance.bytes(length)).expect("short");
    }
    if chance.once_in(4) {
        hello = hello.with_resume(chance.next() >> 40);
    }
    if chance.once_in(2) {
        hello = hello.with_software("bookend-client 0.1.0").expect("a plain line");
    }
    Draft { kind: kind::HELLO, encoding: Encoding::Binary, fixed: Vec::new(), payload: hello.body(), text: None }
}

fn frame(chance: &mut Chance, from_hub: bool) -> Draft {
    let number = |chance: &mut Chance| u32::try_from(1 + chance.below(300)).expect("small");
    let (kind, fixed) = match (from_hub, chance.below(8)) {
        (false, 0) | (true, 0) => (kind::PING, Vec::new()),
        (false, 1) => (kind::REQUEST, number(chance).to_be_bytes().to_vec()),
        (false, 2) => (kind::REPLY, number(chance).to_be_bytes().to_vec()),
        (false, 3 | 4) => (kind::POST, (number(chance) - 1).to_be_bytes().to_vec()),
        (true, 1..=5) => {
            let mut fixed = [number(chance).to_be_bytes(), [0; 4]].concat();
            fixed.extend(u64::from(number(chance)).to_be_bytes());
            fixed.extend((1_795_390_321_000 + (chance.next() >> 40)).to_be_bytes());
            let name = chance.pick(&["ann", "bob", "Jürgen", "李雷"]);
            fixed.push(u8::try_from(name.len()).expect("short"));
            fixed.extend(name.as_bytes());
            (kind::DELIVERY, fixed)
        }
        (true, 6) => (kind::PRESENCE, [&number(chance).to_be_bytes()[..], &[1]].concat()),
        _ => (kind::MESSAGE, Vec::new()),
    };
    match kind {
        kind::PING => {
            let length = chance.below(9);
            Draft { kind, encoding: Encoding::Binary, fixed, payload: chance.bytes(length), text: None }
        }
        kind::PRESENCE => text_draft(kind, fixed, chance.pick(&["ann", "Jürgen", "李雷"]).into(), Encoding::Utf8),
        _ if chance.once_in(5) => {
            Draft { kind, encoding: Encoding::Binary, fixed, payload: binary(chance), text: None }
        }
        _ => {
            let text = text(chance);
            let encoding = match chance.below(6) {
                0 if text.is_ascii() => Encoding::Ascii,
                1 if text.len() < 30_000 => Encoding::Utf16Be,
                2 if text.len() < 30_000 => Encoding::Utf16Le,
                _ => Encoding::Utf8,
            };
            text_draft(kind, fixed, text, encoding)
        }
    }
}

pub(crate) fn text_draft(kind: u8, fixed: Vec<u8>, text: String, encoding: Encoding) -> Draft {
    let mut payload = Vec::new();
    text::encode(encoding, &text, &mut payload).expect("the encoding carries it");
    Draft { kind, encoding, fixed, payload, text: Some(text) }
}

/// Random bytes, numbers with many zeros, or frames within the payload.
fn binary(chance: &mut Chance) -> Vec<u8> {
    let size = chance.size();
    match chance.below(4) {
        0 => chance.bytes(size),
        3 => wrapped(chance),
        1 => (0..size).map(|at| if at % 4 < 3 { 0 } else { chance.byte() }).collect(),
        _ => {
            let mut inner = Vec::new();
            while inner.len() < size.min(2000) {
                let text = text_of(chance, 60);
                text_draft(kind::MESSAGE, Vec::new(), text, Encoding::Utf8).write(&mut inner);
            }
            let length = chance.below(40);
            inner.extend(chance.bytes(length));
            inner
        }
    }
}

/// A stream within another format, such as a file that was captured.
fn wrapped(chance: &mut Chance) -> Vec<u8> {
    let (way, frames) = (chance.below(6), 1 + chance.below(6));
    let frames = (0..frames).map(|_| {
        let text = text_of(chance, 60);
        let frame = text_draft(kind::MESSAGE, Vec::new(), text, Encoding::Utf8).wire();
        match way {
            0 => docker(1, &frame),
            1 => websocket(0x82, &frame, None),
            2 => slip(&frame),
            3 => [&frame, &crc32(&frame).to_be_bytes()[..]].concat(),
            4 => [&frame, &b"\0"[..]].concat(),
            _ => [number(frame.len(), 4, false), frame].concat(),
        }
    });
    frames.collect::<Vec<_>>().concat()
}

/// Text of one script, of 1 byte to 64 KiB in UTF-8.
pub(crate) fn text(chance: &mut Chance) -> String {
    let size = chance.size();
    text_of(chance, size)
}

pub(crate) fn text_of(chance: &mut Chance, size: usize) -> String {
    let script = SCRIPTS[chance.below(SCRIPTS.len())];
    text_in(chance, script, size)
}

/// Text out of these sentences, from some word on, with line breaks of one kind.
pub(crate) fn text_in(chance: &mut Chance, sentences: &[&str], size: usize) -> String {
    let end_of_line = chance.pick(&["\n", "\r\n", " ", " "]);
    let mut text = String::new();
    while text.len() < size {
        let sentence = chance.pick(sentences);
        let from =
            if text.is_empty() { sentence.char_indices().nth(chance.below(12)).map_or(0, |(at, _)| at) } else { 0 };
        text.push_str(&sentence[from..]);
        text.push_str(end_of_line);
    }
    let mut end = size.max(1);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    text.truncate(end);
    text
}

pub(crate) const WESTERN: &[&str] = &[
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren; grüße aus Köln, schöne Straße.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits, à Orléans comme à Nîmes.",
    "Todos os seres humanos nascem livres e iguais em dignidade e direitos; não é só isso, são João.",
    "Todos los niños nacen libres e iguales; ¿dónde está el año pasado? ¡Qué día más hermoso, señor!",
    "Alla människor är födda fria och lika i värde och rättigheter, från Malmö till Öland och Ånge.",
];
pub(crate) const JAPANESE: &[&str] = &[
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "今日はとても良い天気ですね。駅前のカフェでコーヒーを飲みませんか。",
    "メッセージを送信しました。エラーが発生した場合は、管理者に連絡してください。",
];
pub(crate) const CYRILLIC: &[&str] = &[
    "Все люди рождаются свободными и равными в своём достоинстве и правах. Как дела, Иван?",
    "Вчера мы были в Москве, а сегодня уже дома; завтра поедем на дачу к бабушке.",
];
pub(crate) const ENGLISH: &[&str] = &[
    "All human beings are born free and equal in dignity and rights, said the quick brown fox.",
    "Meeting moved to 10:30, room B-12; please bring the figures of the last quarter.",
    "{\"id\": 4711, \"name\": \"ann\", \"tags\": [\"a\", \"b\"], \"ok\": true}",
    "2026-11-22T23:32:01Z INFO server: connection from 127.0.0.1:4711 accepted",
];
pub(crate) const GREEK: &[&str] =
    &["Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα."];
pub(crate) const HAN: &[&str] = &[
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "今天天气很好，我们去公园散步吧。你什么时候有空？晚上一起吃饭怎么样！",
];
pub(crate) const KOREAN: &[&str] =
    &["모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 오늘 저녁에 만나요."];
pub(crate) const EMOJI: &[&str] = &[
    "See you at eight 😀🎉 bring cake 🍰 and the dog 🐕!",
    "👍👍 great work 🚀 — done ✅, next one 🧵",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 and 𠮷野家 and 🇩🇪🇫🇷 flags",
];

pub(crate) const SCRIPTS: &[&[&str]] = &[
    ENGLISH,
    ENGLISH,
    WESTERN,
    CYRILLIC,
    GREEK,
    HAN,
    JAPANESE,
    EMOJI,
    KOREAN,
    &["يولد جميع الناس أحرارا متساوين في الكرامة والحقوق، وقد وهبوا عقلا وضميرا."],
    &["כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם; שלום לכולם."],
    &["सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।"],
    &["มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"],
    &["Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi."],
    &["Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw: zażółć gęślą jaźń."],
    &["“Quotes” — dashes – and … dots, a price of 5 € or £4, ½ cup, 20 °C, naïve café"],
    &["ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით."],
    &["Բոլոր մարդիկ ծնվում են ազատ ու հավասար՝ իրենց արժանապատվությամբ և իրավունքներով։"],
    &["সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।"],
    &["மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்."],
];
