#include <QTemporaryDir>
#include <QTest>
#include <cstring>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/safetensors.h"

using namespace microtome;
namespace fs = std::filesystem;

namespace {

std::string file_of(const std::string& header, const std::string& data) {
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
    return bytes + header + data;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

// The message of the Error that `work` throws; empty if it doesn't.
template <typename Work>
QString message(Work work) {
    try {
        work();
    } catch (const Error& e) {
        return QString::fromStdString(e.what());
    }
    return {};
}

}  // namespace

class TestSafetensors : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    fs::path at(const char* name) const { return fs::path(folder_.path().toStdString()) / name; }

    static std::vector<StoredTensor> pair_of(const std::vector<float>& a, const std::vector<std::int64_t>& b) {
        return {{"a", StoredType::F32, {2, 3}, std::as_bytes(std::span(a))}, {"b", StoredType::I64, {2}, std::as_bytes(std::span(b))}};
    }

  private Q_SLOTS:
    void written_files_read_back();
    void parses();
    void refuses_data();
    void refuses();
    void shards();
    void shards_stay_in_the_folder();
    void pickles_are_refused();
};

void TestSafetensors::written_files_read_back() {
    const std::vector<float> a{1, 2, 3, 4, 5, 6.5F};
    const std::vector<std::int64_t> b{-1, INT64_MAX};
    write_safetensors(at("x.safetensors"), pair_of(a, b), {{"format", "pt"}});
    const Checkpoint read(at("x.safetensors"));
    QCOMPARE(read.tensors().size(), std::size_t{2});
    QCOMPARE(read.tensors()[0]->name, std::string("b"));  // the wider type first
    QCOMPARE(read.metadata().at("format"), std::string("pt"));
    const StoredTensor& got = read.at("a");
    QVERIFY(got.type == StoredType::F32);
    QCOMPARE(got.shape, (std::vector<std::int64_t>{2, 3}));
    QCOMPARE(got.elements(), std::int64_t{6});
    QCOMPARE(std::memcmp(got.bytes.data(), a.data(), 24), 0);
    QCOMPARE(reinterpret_cast<std::uintptr_t>(got.bytes.data()) % 8, std::uintptr_t{0});
    QCOMPARE(read.sha256(), sha256_file(at("x.safetensors")));
    QVERIFY(!read.find("c"));
    QVERIFY(message([&] { read.at("c"); }).contains("the tensor \"c\", got 2 others: b, a"));
    auto twice = pair_of(a, b);
    twice[1].name = "a";
    QVERIFY(message([&] { write_safetensors(at("y.safetensors"), twice); }).contains("tensor \"a\""));
    twice[1].name = "\xff";
    QVERIFY(message([&] { write_safetensors(at("y.safetensors"), twice); }).contains("UTF-8"));
    twice[0].shape = {-2, -3};
    QVERIFY(message([&] { write_safetensors(at("y.safetensors"), twice); }).contains("tensor \"a\""));
    QVERIFY(!fs::exists(at("y.safetensors")));
}

void TestSafetensors::parses() {
    const std::string empty = file_of("{}", "");
    QVERIFY(parse_safetensors(bytes_of(empty), "f").tensors.empty());
    // Nothing in it, no dimensions, trailing spaces in the header.
    const std::string odd = file_of(
        R"({"z":{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]},"s":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"__metadata__":{"k":"v"}}   )",
        "ab");
    const SafetensorsContent content = parse_safetensors(bytes_of(odd), "f");
    QCOMPARE(content.tensors.size(), std::size_t{2});
    QCOMPARE(content.tensors[1].name, std::string("s"));
    QCOMPARE(content.tensors[1].elements(), std::int64_t{1});
    QCOMPARE(content.metadata.at("k"), std::string("v"));
}

void TestSafetensors::refuses_data() {
    QTest::addColumn<QString>("header");
    QTest::addColumn<int>("size");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, const char* header, int size, const char* expected) {
        QTest::newRow(name) << header << size << expected;
    };
    row("type", R"({"a":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}})", 4, "tensor \"a\": expected a dtype");
    row("negative size", R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "tensor \"a\": expected sizes");
    row("fraction", R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "tensor \"a\": expected sizes");
    row("size over int64", R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
        "tensor \"a\": expected sizes");
    row("overflow", R"({"a":{"dtype":"U8","shape":[4294967296,4294967297],"data_offsets":[0,4]}})", 4, "fewer than 2^63 elements");
    row("overflow of bytes", R"({"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,4]}})", 4, "fewer than 2^63 elements");
    row("past the end", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "within 4 bytes of data");
    row("backwards", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "in order");
    row("three offsets", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "[begin, end]");
    row("size of the data", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "8 bytes for F32 [2], got 4");
    row("overlap", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6,
        "tensor \"b\": expected data from byte 4 (it overlaps");
    row("hole", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", 3,
        "tensor \"b\": expected data from byte 1 (no holes)");
    row("left over", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3, "1 bytes of data");
    row("key", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1, "tensor \"a\"#/x");
    row("no shape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "tensor \"a\"#/shape");
    row("entry", R"({"a":3})", 1, "tensor \"a\"");
    row("twice", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
        "twice");
    row("metadata", R"({"__metadata__":{"k":1}})", 0, "__metadata__/k: expected a string");
    row("list", "[]", 0, "begins with {");
    row("cut", "{", 0, "valid JSON");
    row("empty", "", 0, "begins with {");
}

void TestSafetensors::refuses() {
    QFETCH(QString, header);
    QFETCH(int, size);
    QFETCH(QString, expected);
    const std::string file = file_of(header.toStdString(), std::string(static_cast<std::size_t>(size), 'x'));
    const QString got = message([&] { parse_safetensors(bytes_of(file), "x.safetensors"); });
    QVERIFY2(got.startsWith("x.safetensors") && got.contains(expected), qPrintable(got));
}

void TestSafetensors::shards() {
    const std::vector<float> a{1, 2, 3, 4, 5, 6};
    const std::vector<std::int64_t> b{7, 8};
    auto both = pair_of(a, b);
    fs::create_directories(at("s"));
    write_safetensors(at("s") / "m-2.safetensors", {both[0]});
    write_safetensors(at("s") / "m-1.safetensors", both);
    write_file(at("s") / "model.safetensors.index.json",
               R"({"metadata": {}, "weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors"}})");
    const Checkpoint read(at("s"));
    QCOMPARE(read.tensors().size(), std::size_t{2});
    QCOMPARE(read.tensors()[0]->name, std::string("b"));
    QCOMPARE(std::memcmp(read.at("a").bytes.data(), a.data(), 24), 0);
    QCOMPARE(read.files(), (std::vector<fs::path>{at("s") / "m-1.safetensors", at("s") / "m-2.safetensors"}));
    QCOMPARE(read.sha256(), sha256(sha256_file(at("s") / "m-1.safetensors") + "  m-1.safetensors\n" +
                                   sha256_file(at("s") / "m-2.safetensors") + "  m-2.safetensors\n"));
    write_file(at("s") / "model.safetensors.index.json", R"({"weight_map": {"a": "m-2.safetensors", "b": "m-2.safetensors"}})");
    QVERIFY(message([&] { Checkpoint again(at("s")); }).contains("m-2.safetensors: expected the tensor \"b\""));
}

void TestSafetensors::shards_stay_in_the_folder() {
    fs::create_directories(at("e"));
    for (const char* name : {"../x.safetensors", "/etc/passwd", "a/../../x", "", ".."}) {
        write_json(at("e") / "model.safetensors.index.json", {{"weight_map", {{"a", name}}}});
        QVERIFY2(message([&] { Checkpoint c(at("e")); }).contains("/weight_map/a: expected the name of a file in this folder"), name);
    }
}

void TestSafetensors::pickles_are_refused() {
    fs::create_directories(at("p"));
    QVERIFY(message([&] { Checkpoint c(at("p")); }).contains("expected model.safetensors or"));
    write_file(at("p") / "pytorch_model.bin", std::string("PK\3\4....", 8));
    for (const fs::path& path : {at("p"), at("p") / "pytorch_model.bin"}) {
        const QString got = message([&] { Checkpoint c(path); });
        QVERIFY2(got.contains("pytorch_model.bin: expected safetensors") &&
                     got.contains("torch.load('pytorch_model.bin', map_location='cpu', weights_only=True)") && got.endsWith("got a pickle"),
                 qPrintable(got));
    }
}

QTEST_GUILESS_MAIN(TestSafetensors)
#include "test_safetensors.moc"
