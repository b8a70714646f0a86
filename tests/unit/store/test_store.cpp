// The activation store: what is appended reads back equal, a store is continued only by the same run, and never overwritten.
#include <QtTest>
#include <cstring>

#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/store_files.h"
#include "hooks/store/store_reader.h"
#include "tests/unit/store/sample_store.h"

using namespace microtome;

namespace {

template <class F>
QString message(F&& f) {
    try {
        f();
    } catch (const Error& error) {
        return QString::fromStdString(error.what());
    }
    return "no error";
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Every prompt at every site, in `count` prompts, as T rounded to what the store keeps.
template <class T, class Round>
void compare_all(const StoreReader& reader, std::size_t count, Round round) {
    QCOMPARE(reader.prompts(), count);
    for (std::size_t i = 0; i < count; ++i) {
        const StorePrompt expected = sample::prompt(i), got = reader.prompt(i);
        QCOMPARE(got.text, expected.text);
        QCOMPARE(got.ids, expected.ids);
        for (const StoreSite& site : reader.sites()) {
            std::vector<T> values = sample::rows<T>(site, i);
            for (T& value : values) value = round(value);
            QVERIFY2(same_bits(reader.read<T>(site.name, i).values, values), site.name.c_str());
        }
    }
}

}  // namespace

class TestStore : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path at(const char* name) const { return folder_.filePath(name).toStdString(); }

  private Q_SLOTS:
    void reads_back_bit_equal_data();
    void reads_back_bit_equal();
    void half_rows_are_kept_as_they_are();
    void doubles_into_every_type();
    void large_and_small_portions_agree();
    void sites_are_described();
    void rows_across_prompts();
    void continues_a_part_and_a_finished_store();
    void compressed_store_counts_whole_chunks_only();
    void refuses_another_run();
    void never_overwrites();
    void other_prompts_are_refused();
    void counts_must_agree();
    void estimate_is_near();
    void metadata_is_small();
    void missing_and_other_files();
    void chosen_tokens_and_labels();
    void goes_back_to_a_stop();
    void room_on_the_disk();
};

void TestStore::reads_back_bit_equal_data() {
    QTest::addColumn<QString>("type");
    QTest::addColumn<int>("deflate");
    QTest::addColumn<bool>("planned");
    for (const char* type : {"float16", "float32", "float64"})
        for (int deflate : {0, 4})
            for (bool planned : {false, true})
                QTest::addRow("%s %d %s", type, deflate, planned ? "planned" : "unplanned") << type << deflate << planned;
}

void TestStore::reads_back_bit_equal() {
    QFETCH(QString, type);
    QFETCH(int, deflate);
    QFETCH(bool, planned);
    const h5::Type stored = store_type(type.toStdString());
    const auto file = at(QTest::currentDataTag());
    sample::write(file, stored, 40, 7, {false, deflate, planned ? sample::plan(40) : StorePlan{}});
    QVERIFY(!std::filesystem::exists(file.string() + ".part"));
    const StoreReader reader(file);
    QCOMPARE(reader.identity().model_sha256, sample::identity().model_sha256);
    compare_all<float>(reader, 40, [&](float x) { return stored == h5::Type::float16 ? to_float(to_half(x)) : x; });
}

void TestStore::half_rows_are_kept_as_they_are() {
    const std::vector<StoreSite> sites{{"x", {"d"}, {3}, false, "", h5::Type::float16}, {"y", {"d"}, {1}, false, "", h5::Type::float32}};
    const std::vector<Half> halves{{0x0001}, {0x7bff}, {0xfc00}, {0x8000}, {0x7e01}, {0x3555}};
    const std::vector<float> y{1, 2};
    StoreWriter writer(at("half.h5"), sample::identity(), sites, {});
    writer.add_prompts(std::vector<StorePrompt>{{"two", {1, 2}}});
    writer.append(0, halves.data(), 2);
    QVERIFY(message([&] { writer.append(1, halves.data(), 2); }).endsWith("y: expected float values, got half values"));
    writer.append(1, y.data(), 2);
    writer.finish();
    const StoreReader reader(at("half.h5"));
    QVERIFY(same_bits(reader.read<Half>("x", 0).values, halves));
    QCOMPARE(reader.read<float>("y", 0).values, y);
}

void TestStore::doubles_into_every_type() {
    for (h5::Type type : {h5::Type::float16, h5::Type::float32, h5::Type::float64}) {
        const auto file = at((std::string("double_") + h5::name_of(type)).c_str());
        const auto sites = sample::sites(type);
        StoreWriter writer(file, sample::identity(), sites, {});
        sample::add<double>(writer, sites, 0, 10);
        writer.finish();
        compare_all<double>(StoreReader(file), 10, [&](double x) {
            if (type == h5::Type::float16) return static_cast<double>(to_float(to_half(x)));
            return type == h5::Type::float32 ? static_cast<double>(static_cast<float>(x)) : x;
        });
    }
}

// Rows arrive one by one, in odd portions, or in blocks of several chunks: the same values.
void TestStore::large_and_small_portions_agree() {
    const std::vector<StoreSite> sites{{"x", {"d_model"}, {5000}, false, "", h5::Type::float32}};  // 26 rows a chunk
    std::vector<float> values(300 * 5000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    StorePrompt prompt{"long", std::vector<std::int32_t>(300)};
    for (std::uint64_t portion : {1, 7, 26, 100, 300}) {
        const auto file = at(("portion" + std::to_string(portion)).c_str());
        StoreWriter writer(file, sample::identity(), sites, {false, 0, {1, 300, 90000, 4}});
        writer.add_prompts({&prompt, 1});
        for (std::uint64_t row = 0; row < 300; row += portion)
            writer.append(0, values.data() + row * 5000, std::min<std::uint64_t>(portion, 300 - row));
        writer.finish();
        QVERIFY(same_bits(StoreReader(file).read<float>("x", 0).values, values));
    }
}

void TestStore::sites_are_described() {
    const auto file = at("described.h5");
    sample::write(file, h5::Type::float16, 3, 3);
    const StoreReader reader(file);
    QStringList names;
    for (const StoreSite& site : reader.sites()) names << QString::fromStdString(site.name);
    QCOMPARE(names, (QStringList{"blocks.0.attn.hook_z", "blocks.0.hook_resid_post", "blocks.0.ln1.hook_scale",
                                 "blocks.2.attn.hook_attn_scores", "blocks.10.attn.hook_pattern"}));
    const StoreSite& z = reader.site("blocks.0.attn.hook_z");
    QCOMPARE(z.symbols, (std::vector<std::string>{"n_heads", "d_head"}));
    QCOMPARE(z.shape, (h5::Shape{3, 5}));
    QVERIFY(!z.pairs && z.type == h5::Type::float16 && z.unit.empty());
    const StoreSite& pattern = reader.site("blocks.10.attn.hook_pattern");
    QVERIFY(pattern.pairs);
    QCOMPARE(pattern.unit, "probability");
    QCOMPARE(reader.read<float>("blocks.10.attn.hook_pattern", 1).shape, (h5::Shape{8, 8, 3}));
    QCOMPARE(reader.tool_version(), MICROTOME_VERSION);
    QVERIFY(message([&] { reader.site("hook_q"); }).contains("expected one of the sites blocks.0.attn.hook_z, "));
    QVERIFY(message([&] { reader.read<float>("blocks.0.attn.hook_z", 3); }).endsWith("expected a prompt below 3, got 3"));
}

void TestStore::rows_across_prompts() {
    const auto file = at("rows.h5");
    sample::write(file, h5::Type::float32, 9, 4);
    const StoreReader reader(file);
    const StoreSite& site = reader.site("blocks.0.hook_resid_post");
    std::vector<float> all, got;
    for (std::size_t i = 0; i < 9; ++i) {
        const auto one = sample::rows<float>(site, i);
        all.insert(all.end(), one.begin(), one.end());
    }
    const std::uint64_t rows = reader.offsets().back();
    got.resize(all.size());
    reader.read_rows(site.name, 0, rows, got.data());
    QVERIFY(same_bits(got, all));
    got.assign(5 * 24, 0);
    reader.read_rows(site.name, 3, 5, got.data());
    QVERIFY(same_bits(got, std::vector<float>(all.begin() + 3 * 24, all.begin() + 8 * 24)));
    QVERIFY(message([&] { reader.read_rows(site.name, rows, 1, got.data()); }).contains("expected rows inside 0.."));
}

void TestStore::continues_a_part_and_a_finished_store() {
    for (int deflate : {0, 6}) {
        const auto file = at(deflate ? "continued_z.h5" : "continued.h5");
        const auto sites = sample::sites(h5::Type::float32);
        {
            StoreWriter writer(file, sample::identity(), sites, {false, deflate, sample::plan(30)});
            sample::add<float>(writer, sites, 0, 10);
            writer.flush_done();
            sample::add<float>(writer, sites, 10, 4);  // never marked as done
        }
        QCOMPARE(StoreReader(file.string() + ".part").prompts(), std::size_t(deflate ? 0 : 10));
        sample::write(file, h5::Type::float32, 20, 3, {true, deflate, sample::plan(30)});
        compare_all<float>(StoreReader(file), 20, [](float x) { return x; });
        sample::write(file, h5::Type::float32, 20, 3, {true, deflate, {}});  // nothing left to do
        compare_all<float>(StoreReader(file), 20, [](float x) { return x; });
        sample::write(file, h5::Type::float32, 30, 3, {true, deflate, {}});
        compare_all<float>(StoreReader(file), 30, [](float x) { return x; });
        QVERIFY(!std::filesystem::exists(file.string() + ".part"));
    }
}

void TestStore::compressed_store_counts_whole_chunks_only() {
    const std::vector<StoreSite> sites{{"x", {"d"}, {1000}, false, "", h5::Type::float32}};  // 16 rows a chunk where nothing is planned
    StoreWriter writer(at("chunks.h5"), sample::identity(), sites, {false, 1, {}});
    const std::vector<float> row(1000, 1.5f);
    for (std::size_t i = 0; i < 20; ++i) {
        writer.add_prompts(std::vector<StorePrompt>{{"one", {1}}});
        writer.append(0, row.data(), 1);
        writer.flush_done();
        QCOMPARE(writer.prompts_done(), (i + 1) / 16 * 16);
    }
    writer.finish();
    QCOMPARE(StoreReader(at("chunks.h5")).prompts(), std::size_t(20));
}

void TestStore::refuses_another_run() {
    const auto file = at("same.h5");
    sample::write(file, h5::Type::float32, 4, 2);
    const auto before = read_file(file);
    const auto refused = [&](auto change) {
        StoreIdentity identity = sample::identity();
        auto sites = sample::sites(h5::Type::float32);
        change(identity, sites);
        return message([&] { StoreWriter(file, identity, sites, {true, 0, {}}); });
    };
    const QString name = QString::fromStdString(file.string());
    QCOMPARE(refused([](auto& i, auto&) { i.model_sha256 = "c"; }),
             name + ": attribute model_sha256: expected c (this run), got " + QString(64, 'a'));
    QCOMPARE(refused([](auto& i, auto&) { i.processing = "processed"; }),
             name + ": attribute processing: expected processed (this run), got raw");
    QVERIFY(refused([](auto& i, auto&) { i.dtype = "float64"; }).contains("attribute dtype"));
    QVERIFY(refused([](auto& i, auto&) { i.tokenizer_sha256 = ""; }).contains("attribute tokenizer_sha256"));
    QCOMPARE(refused([](auto&, auto& s) { s[0].name = "blocks.1.hook_resid_post"; }),
             name + ": expected site blocks.1.hook_resid_post (this run), got a store without it");
    QCOMPARE(refused([](auto&, auto& s) { s.pop_back(); }),
             name + ": expected only the sites of this run, got also blocks.2.attn.hook_attn_scores");
    QVERIFY(
        refused([](auto&, auto& s) {
            s[1].shape = {3, 6};
        })
            .contains(
                "hook_z: expected (tokens, n_heads = 3, d_head = 6) float32 (this run), got (tokens, n_heads = 3, d_head = 5) float32"));
    QVERIFY(refused([](auto&, auto& s) { s[1].type = h5::Type::float16; }).contains("d_head = 5) float16 (this run)"));
    QCOMPARE(refused([](auto& i, auto&) { i.model = "elsewhere/tiny"; }), "no error");
    QCOMPARE(read_file(file), before);
}

void TestStore::never_overwrites() {
    const auto file = at("kept.h5");
    write_file(file, "precious");
    const auto sites = sample::sites(h5::Type::float32);
    QVERIFY(message([&] { StoreWriter(file, sample::identity(), sites, {}); }).endsWith("got an existing file"));
    QVERIFY(message([&] { StoreWriter(file, sample::identity(), sites, {true, 0, {}}); }).contains("kept.h5: expected an HDF5 file"));
    QCOMPARE(read_file(file), "precious");
    write_file(file.string() + ".part", "both");
    QVERIFY(message([&] { StoreWriter(file, sample::identity(), sites, {true, 0, {}}); }).contains("got both"));

    const auto other = at("late.h5");
    StoreWriter writer(other, sample::identity(), sites, {});
    QVERIFY(message([&] { StoreWriter(other, sample::identity(), sites, {}); })
                .endsWith("late.h5.part: expected a new store (or resuming, which "
                          "continues this one), got an existing file"));
    sample::add<float>(writer, sites, 0, 2);
    write_file(other, "came in between");
    QVERIFY(message([&] { writer.finish(); }).contains("late.h5: expected a new name for "));
    QCOMPARE(read_file(other), "came in between");
    QCOMPARE(StoreReader(other.string() + ".part").prompts(), std::size_t(2));
}

void TestStore::other_prompts_are_refused() {
    const auto file = at("prompts.h5");
    sample::write(file, h5::Type::float32, 6, 6);
    StoreWriter writer(file, sample::identity(), sample::sites(h5::Type::float32), {true, 0, {}});
    auto prompts = sample::prompts(0, 8);
    writer.check_prompts(prompts);
    prompts[2].ids.back() += 1;
    QVERIFY(message([&] { writer.check_prompts(prompts); }).contains("prompts.h5: prompt 2: expected Prompt 2 of "));
    prompts = sample::prompts(1, 8);
    QVERIFY(message([&] { writer.check_prompts(prompts); }).contains("prompt 0: expected Prompt 1 of "));
    QVERIFY(message([&] { writer.check_prompts(std::span(prompts).first(3)); }).endsWith("expected at most 3 prompts, got 6"));
}

void TestStore::counts_must_agree() {
    const auto sites = sample::sites(h5::Type::float32);
    StoreWriter writer(at("counts.h5"), sample::identity(), sites, {});
    writer.add_prompts(sample::prompts(0, 2));  // 1 + 8 tokens
    const std::vector<float> values(100 * 24);
    QVERIFY(message([&] { writer.append(0, values.data(), 10); }).endsWith("hook_resid_post: expected 9 rows, as the prompts say, got 10"));
    writer.append(0, values.data(), 9);
    QVERIFY(message([&] { writer.flush_done(); }).endsWith("hook_z: expected 9 rows, as the prompts say, got 0"));
    writer.append(1, values.data(), 9);
    writer.append(2, values.data(), 9);
    writer.append(3, values.data(), 65);
    writer.append(4, values.data(), 65);
    writer.finish();
    QCOMPARE(StoreReader(at("counts.h5")).prompts(), std::size_t(2));
    const StorePrompt nul{std::string("a\0b", 3), {1}};
    QVERIFY(message([&] { writer.add_prompts({&nul, 1}); }).contains("expected prompts without NUL characters"));
}

void TestStore::estimate_is_near() {
    for (std::size_t count : {1, 30, 400})
        for (std::uint64_t d_model : {24, 3000}) {
            const auto file = at(("size" + std::to_string(count) + "_" + std::to_string(d_model)).c_str());
            const auto plan = sample::plan(count);
            sample::write(file, h5::Type::float32, count, 50, {false, 0, plan}, d_model);
            const auto estimate = static_cast<double>(store_bytes(sample::sites(h5::Type::float32, d_model), plan));
            const auto size = static_cast<double>(std::filesystem::file_size(file));
            QVERIFY2(std::abs(estimate - size) < 0.01 * size + 1e5, qPrintable(QString("%1 for %2 bytes").arg(estimate).arg(size)));
        }
}

void TestStore::metadata_is_small() {
    const auto file = at("overhead.h5");
    sample::write(file, h5::Type::float32, 600, 600, {false, 0, sample::plan(600)}, 768);
    const StorePlan plan = sample::plan(600);
    const double bytes = static_cast<double>(plan.tokens) * (768 + 15 + 1) * 4 + static_cast<double>(plan.pairs) * 2 * 3 * 4;
    QVERIFY2(static_cast<double>(std::filesystem::file_size(file)) < 1.02 * bytes + 5e4, qPrintable(QString::number(bytes)));
}

void TestStore::missing_and_other_files() {
    QVERIFY(message([&] { StoreWriter("/nowhere/a.h5", sample::identity(), {}, {}); }).contains("/nowhere/a.h5.part"));
    QVERIFY(message([&] { StoreReader("/nowhere/a.h5"); }).contains("/nowhere/a.h5: expected an HDF5 file, got "));
    h5::File(at("plain.h5"), h5::Mode::create).close();
    QVERIFY(message([&] { StoreReader(at("plain.h5")); }).endsWith("plain.h5: expected an activation store, got no attribute format"));
}

void TestStore::chosen_tokens_and_labels() {
    const std::vector<StoreSite> sites{{"x", {"d"}, {2}, false, "", h5::Type::float32}};
    StoreIdentity identity = sample::identity();
    identity.positions = "0,-1";
    const std::vector<StorePrompt> prompts{{"first", {7, 9}, {0, 4}, "a", ""}, {"second", {3}, {0}, "", "g"}};
    StorePlan plan;
    for (const StorePrompt& prompt : prompts) plan.add(prompt);
    const auto file = at("chosen.h5");
    const std::vector<float> values{1, 2, 3, 4, 5, 6};
    {
        StoreWriter writer(file, identity, sites, {false, 0, plan});
        const StorePrompt wrong{"third", {1, 2}, {0}};
        QVERIFY(message([&] { writer.add_prompts({&wrong, 1}); }).endsWith("expected 2 positions of third, got 1"));
        writer.add_prompts(prompts);
        writer.append(0, values.data(), 3);
        writer.finish();
    }
    const StoreReader reader(file);
    QVERIFY(reader.chosen() && reader.labelled());
    QCOMPARE(reader.identity().positions, "0,-1");
    for (std::size_t i = 0; i < 2; ++i) {
        QCOMPARE(reader.prompt(i).positions, prompts[i].positions);
        QCOMPARE(reader.prompt(i).label, prompts[i].label);
        QCOMPARE(reader.prompt(i).group, prompts[i].group);
    }
    StoreWriter again(file, identity, sites, {true, 0, plan});
    again.check_prompts(prompts);
    auto moved = prompts;
    moved[0].positions = {1, 4};
    QVERIFY(message([&] { again.check_prompts(moved); }).endsWith("prompt 0: expected the positions that this run keeps, got others"));
    QVERIFY(message([&] {
                StoreWriter(file, sample::identity(), sites, {true, 0, {}});
            }).endsWith("attribute positions: expected all (this run), got 0,-1"));
    StoreWriter bare(at("bare.h5"), sample::identity(), sites, {});
    const StorePrompt labelled{"x", {1}, {}, "a", ""};
    QVERIFY(message([&] { bare.add_prompts({&labelled, 1}); }).contains("expected prompts without labels and groups"));
}

void TestStore::goes_back_to_a_stop() {
    for (int deflate : {0, 5}) {
        const auto file = at(deflate ? "stops_z.h5" : "stops.h5");
        sample::write(file, h5::Type::float32, 10, 5, {false, deflate, sample::plan(30)});
        const StoreWriter::Options options{true, deflate, sample::plan(30), {7, 14, 21, 28, 30}};
        QCOMPARE(StoreWriter(file, sample::identity(), sample::sites(h5::Type::float32), options).prompts_done(), std::uint64_t(7));
        QCOMPARE(StoreReader(file).prompts(), std::size_t(10));  // nothing is cut before something is added
        sample::write(file, h5::Type::float32, 30, 7, options);
        compare_all<float>(StoreReader(file), 30, [](float x) { return x; });
    }
}

void TestStore::room_on_the_disk() {
    check_room(at("x.h5"), 1);
    QVERIFY(message([&] { check_room(at("x.h5"), UINT64_MAX); }).contains("x.h5: expected 18446744073709 MB free on this disk, got "));
}

QTEST_GUILESS_MAIN(TestStore)
#include "test_store.moc"
