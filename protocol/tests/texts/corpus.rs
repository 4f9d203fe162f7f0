//! Sentences in many languages, written for this test, and the code pages in which each language was written.

/// A language: the code pages in which it was written, sentences by which the diagnosis was adjusted, and others that it was not shown.
pub(crate) struct Language {
    pub(crate) pages: &'static [&'static str],
    pub(crate) known: &'static [&'static str],
    pub(crate) held_out: &'static [&'static str],
}

const WEST: &[&str] = &["windows-1252", "ibm850", "ibm437", "ibm037", "ibm500"];
const CENTRAL: &[&str] = &["windows-1250"];
const RUSSIAN: &[&str] = &["windows-1251", "koi8-r", "ibm866"];
const BALTIC: &[&str] = &["windows-1257"];
const UNICODE: &[&str] = &["utf-16be", "utf-16le", "utf-32be", "utf-32le"];

pub(crate) const LANGUAGES: &[Language] = &[
    Language {
        // English
        pages: WEST,
        known: &[
            "The café on the corner costs 3 £ more than it did in May.",
            "“I can’t find the résumé” – she’s looking again…",
        ],
        held_out: &[
            "It’s only a naïve question, but who’s paying for the soufflé?",
            "Our façade needs paint: about 40 m² at £5 each.",
            "He said “no” and left – that’s all I know.",
            "The temperature fell to −3 or so, some say 2° above zero.",
        ],
    },
    Language {
        // French
        pages: WEST,
        known: &[
            "Le garçon a mangé une crêpe très sucrée à la fête.",
            "Où étais-tu hier après-midi, près de l'école ou chez ta mère ?",
        ],
        held_out: &[
            "Nous avons reçu votre dernière commande, mais le numéro de série était effacé.",
            "L'été prochain, ma sœur aînée ira peut-être à Genève.",
            "Le bâtiment a été fermé dès février à cause des dégâts.",
            "Ça ne marche plus : le câble est coupé, voilà tout.",
        ],
    },
    Language {
        // German
        pages: WEST,
        known: &[
            "Müller grüßt alle schönen Nachbarn über die Straße.",
            "Können wir uns später am Bahnhof treffen, oder fährst du früher?",
        ],
        held_out: &[
            "Der Schlüssel für die Tür hängt hinten neben dem Kühlschrank.",
            "Bitte prüfen Sie, ob die Lösung auch für größere Mengen genügt.",
            "Übermorgen öffnet das Geschäft erst um zwölf.",
            "Die Äpfel sind süß, doch die Brötchen waren schon weg.",
        ],
    },
    Language {
        // Spanish
        pages: WEST,
        known: &[
            "¿Mañana vendrá también tu compañero de la oficina?",
            "El niño comió un plátano y después salió al jardín.",
        ],
        held_out: &[
            "La próxima reunión será el miércoles a las ocho en el salón pequeño.",
            "¡Qué lástima! El camión llegó sin la pieza que pedí.",
            "Mi tía cumplió ochenta años y todavía enseña inglés.",
            "No sé si está aquí o se fue a Bogotá.",
        ],
    },
    Language {
        // Portuguese
        pages: WEST,
        known: &[
            "Não há razão para preocupação: a solução está pronta.",
            "Amanhã você já estará em São Paulo com os irmãos?",
        ],
        held_out: &[
            "A reunião começa às três, logo após o almoço com a direção.",
            "O avô contou histórias do sertão até à meia-noite.",
            "É possível que as informações cheguem só na próxima semana.",
            "Perdão, este ônibus não passa na estação.",
        ],
    },
    Language {
        // Italian
        pages: WEST,
        known: &["Perché la città è così bella? Non lo so più.", "Lunedì andrò all'università con papà."],
        held_out: &[
            "Il caffè è pronto, però lo zucchero è finito già da martedì.",
            "Se potrò, verrò anch'io: la qualità di quel teatro è altissima.",
            "C'è ancora un po' di libertà in questa società.",
            "Domani sarà più facile, vedrà.",
        ],
    },
    Language {
        // Swedish
        pages: WEST,
        known: &["Små grå får går på gården hela året.", "Vi hör av oss när vi har läst färdigt."],
        held_out: &[
            "Därför köpte jag både kött och ägg på vägen hem från sjön.",
            "Det är för sent att ångra sig nu, tåget har redan gått.",
            "Barnen åkte skidor på åsen över påsken.",
            "Öppna fönstret så att vi hör fåglarna.",
        ],
    },
    Language {
        // Danish
        pages: &["windows-1252", "ibm850"],
        known: &["Rødgrød med fløde på en grøn ø i åen.", "Vi må først spørge læreren, før vi kører."],
        held_out: &[
            "Hønsene løb over vejen, så bilen måtte bremse hårdt.",
            "Det koster næsten ingenting at få sin cykel gjort færdig.",
            "Hun læser altid avisen på færgen til Sjælland.",
            "Også børnene så ræven ved søen.",
        ],
    },
    Language {
        // Finnish
        pages: WEST,
        known: &["Tänään sää on kylmä, mutta hyvä näin.", "Missä sinä olet? Minä odotan täällä vielä hetken."],
        held_out: &[
            "Älä lähde vielä, sillä pöydällä on lisää leipää.",
            "Hän löysi metsästä väärän polun ja käveli yöllä kotiin.",
            "Kesällä mökillä syödään kalaa joka päivä.",
            "Tämä työ on jo tehty.",
        ],
    },
    Language {
        // Icelandic
        pages: &["windows-1252", "ibm850"],
        known: &["Það er kalt í dag, en við förum samt út.", "Hvað heitir þú og hvaðan ert þú?"],
        held_out: &[
            "Bróðir minn býr á Ísafirði með þremur börnum sínum.",
            "Ég skil ekki hvers vegna það þarf að bíða svona lengi.",
            "Kýrnar ganga úti allt sumarið í dalnum.",
        ],
    },
    Language {
        // Dutch
        pages: WEST,
        known: &[
            "Één coördinatie is geen reünie van drieëntwintig mensen.",
            "De hygiëne in het café is prima, zei België.",
        ],
        held_out: &[
            "Wie heeft het idee gehad om zonder financiële steun te reïntegreren?",
            "De eerste zeeën werden geïnspecteerd door Italiërs.",
        ],
    },
    Language {
        // Polish
        pages: CENTRAL,
        known: &["Zażółć gęślą jaźń, mówi każda książka.", "Gdzie są moje okulary? Położyłem je na półce."],
        held_out: &[
            "Jutro pojedziemy do Łodzi, żeby odwiedzić babcię i dziadka.",
            "Proszę sprawdzić, czy wszystkie pliki zostały wysłane.",
            "W tę środę będzie padał śnieg, więc weź ciepłą kurtkę.",
            "Nie mogę znaleźć ścieżki do źródła.",
        ],
    },
    Language {
        // Czech
        pages: CENTRAL,
        known: &["Příliš žluťoučký kůň úpěl ďábelské ódy.", "Kdy přijede vlak z Brna? Čekám už hodinu."],
        held_out: &[
            "Zítra ráno půjdeme společně do obchodu koupit čerstvé ovoce.",
            "Děkuji, ale tuhle zprávu jsem dostal už včera večer.",
            "Sněžilo celou noc a silnice byly neprůjezdné.",
            "Ještě nevím, jestli to stihnu.",
        ],
    },
    Language {
        // Slovak
        pages: CENTRAL,
        known: &["Kôň sa pasie na lúke pri rieke, kde rastú vŕby.", "Môžeš mi prosím poslať ten súbor ešte raz?"],
        held_out: &[
            "Ďakujem za správu, zajtra určite prídem načas.",
            "Deti sa hrajú vonku, hoci prší už od rána.",
            "Učiteľ napísal na tabuľu dlhú vetu.",
        ],
    },
    Language {
        // Hungarian
        pages: CENTRAL,
        known: &["Árvíztűrő tükörfúrógép a műhelyben.", "Hol van a legközelebbi posta, és mikor nyit ki?"],
        held_out: &[
            "A nagymamám minden vasárnap sütött egy nagy almás lepényt.",
            "Kérem, küldje el újra a levelet, mert nem tudtam megnyitni.",
            "Holnap esős idő várható, ezért otthon maradunk.",
            "Köszönöm szépen a gyors választ!",
        ],
    },
    Language {
        // Romanian
        pages: CENTRAL,
        known: &["Mâine dimineaţă mergem la piaţă să cumpărăm brânză.", "Încă nu ştiu dacă maşina va fi gata."],
        held_out: &[
            "Copiii învaţă să scrie şi să citească în fiecare zi.",
            "Vă mulţumesc pentru ajutor, a fost foarte uşor.",
            "Pâinea aceasta este încă proaspătă.",
        ],
    },
    Language {
        // Croatian
        pages: CENTRAL,
        known: &["Čovjek šeće žurno pokraj đačkog doma.", "Možeš li doći sutra u osam, ili ćeš kasniti?"],
        held_out: &[
            "Noćas je padala kiša, pa su ceste još mokre.",
            "Želim naručiti još jednu kavu i čašu vode.",
            "Učenici su pročitali sve knjige s popisa.",
        ],
    },
    Language {
        // Turkish
        pages: &["windows-1254"],
        known: &["Şu köşedeki yaşlı kadın yoğurt satıyor.", "Yarın saat kaçta buluşacağız, iş çıkışında mı?"],
        held_out: &[
            "Çocuklar bahçede oynarken yağmur başladı.",
            "Lütfen dosyayı tekrar gönderir misiniz? Açamadım.",
            "Geçen yıl İzmir’e taşındık ve çok mutluyuz.",
            "Bugün hava soğuk değil.",
        ],
    },
    Language {
        // Lithuanian
        pages: BALTIC,
        known: &["Ąžuolas auga prie ežero, kur vaikai žaidžia.", "Ar galėtumėte atsiųsti šį laišką dar kartą?"],
        held_out: &[
            "Šįvakar važiuosime į Kauną aplankyti močiutės.",
            "Ačiū už pagalbą, viskas jau veikia.",
            "Rytoj bus šalta, todėl pasiimk kepurę ir pirštines.",
        ],
    },
    Language {
        // Latvian
        pages: BALTIC,
        known: &["Zaļā pļavā ganās govis, un kalnā šalc priedes.", "Vai tu rīt brauksi uz Liepāju?"],
        held_out: &[
            "Lūdzu, atsūtiet man šo vēstuli vēlreiz.",
            "Bērni spēlējas pagalmā, kaut gan līst lietus.",
            "Paldies, es jau visu esmu izlasījis.",
        ],
    },
    Language {
        // Estonian
        pages: BALTIC,
        known: &["Täna öösel sadas põhjas palju lund.", "Kas sa võiksid mulle selle kirja uuesti saata?"],
        held_out: &[
            "Õpetaja ütles, et homme on koolis pidu.",
            "Küla ääres kasvab vana pärn ja mõni kask.",
            "Aitäh, kõik töötab jälle.",
        ],
    },
    Language {
        // Russian
        pages: RUSSIAN,
        known: &["Съешь ещё этих мягких французских булок.", "Когда вы приедете? Мы ждём вас с утра."],
        held_out: &[
            "Завтра утром поезд отправится с третьего пути.",
            "Спасибо, письмо дошло, но вложение открыть не удалось.",
            "Дети играли во дворе, пока не начался дождь.",
            "Проверьте, пожалуйста, настройки сервера.",
        ],
    },
    Language {
        // Ukrainian
        pages: &["windows-1251", "koi8-u"],
        known: &["Де мої ключі? Я поклав їх на полицю.", "Сьогодні ввечері йтиме сніг."],
        held_out: &[
            "Надішліть, будь ласка, цей лист ще раз.",
            "Моя бабуся щонеділі пекла великий пиріг.",
            "Їжак спить під старою яблунею.",
        ],
    },
    Language {
        // Greek
        pages: &["windows-1253"],
        known: &["Πού είναι το πλησιέστερο ταχυδρομείο;", "Αύριο το πρωί θα πάμε στη θάλασσα."],
        held_out: &[
            "Σας ευχαριστώ πολύ για τη γρήγορη απάντηση.",
            "Τα παιδιά παίζουν στην αυλή ενώ βρέχει.",
            "Δεν μπορώ να ανοίξω το αρχείο.",
        ],
    },
    Language {
        // Hebrew
        pages: &["windows-1255"],
        known: &["איפה המפתחות שלי? שמתי אותם על המדף.", "מחר בבוקר ניסע לים."],
        held_out: &["תודה רבה על התשובה המהירה.", "הילדים משחקים בחצר למרות הגשם.", "אני לא מצליח לפתוח את הקובץ."],
    },
    Language {
        // Arabic
        pages: &["windows-1256"],
        known: &["أين أقرب مكتب بريد من هنا؟", "سنذهب غدا إلى البحر مع الأولاد."],
        held_out: &["شكرا جزيلا على الرد السريع.", "يلعب الأطفال في الساحة رغم المطر.", "لا أستطيع فتح هذا الملف."],
    },
    Language {
        // Japanese
        pages: &["shift_jis", "euc-jp"],
        known: &["明日の朝、駅で会いましょう。", "すみません、このファイルが開けません。"],
        held_out: &[
            "昨日から雨が降り続いているので、今日は家で本を読みます。",
            "会議の資料をもう一度送っていただけますか。",
            "東京から大阪まで新幹線で二時間半かかります。",
            "コーヒーとケーキをください。",
        ],
    },
    Language {
        // Korean
        pages: &["euc-kr"],
        known: &["내일 아침 역에서 만납시다.", "이 파일을 열 수 없습니다."],
        held_out: &[
            "어제부터 비가 계속 내려서 오늘은 집에 있습니다.",
            "회의 자료를 다시 보내 주시겠습니까?",
            "커피 한 잔 주세요.",
        ],
    },
    Language {
        // Chinese, simplified
        pages: &["gbk"],
        known: &["明天早上我们在车站见面。", "对不起，这个文件打不开。"],
        held_out: &["从昨天开始一直下雨，所以今天在家看书。", "请您再发一次会议的资料，好吗？", "请给我一杯咖啡。"],
    },
    Language {
        // Chinese, traditional
        pages: &["big5"],
        known: &["明天早上我們在車站見面。", "對不起，這個檔案打不開。"],
        held_out: &["從昨天開始一直下雨，所以今天在家看書。", "請您再寄一次會議的資料，好嗎？", "請給我一杯咖啡。"],
    },
    Language {
        pages: UNICODE,
        known: &["Müller grüßt die schöne Straße."],
        held_out: &["Où est passé le garçon, près de l’école ?", "Zażółć gęślą jaźń wieczorem."],
    },
    Language {
        pages: UNICODE,
        known: &["Когда вы приедете к нам?"],
        held_out: &["Завтра утром поезд отправится с третьего пути."],
    },
    Language {
        pages: UNICODE,
        known: &["明天早上我们在车站见面。"],
        held_out: &["從昨天開始一直下雨，所以今天在家看書。", "会議の資料をもう一度送っていただけますか。"],
    },
    Language {
        pages: UNICODE,
        known: &["내일 아침 역에서 만납시다."],
        held_out: &["어제부터 비가 계속 내려서 오늘은 집에 있습니다."],
    },
];
