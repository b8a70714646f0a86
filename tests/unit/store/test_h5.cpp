// The checked HDF5 wrapper: what is written reads back equal, and every failure is one Error that names its object.
#include <QtTest>
#include <cmath>
#include <functional>
#include <limits>

#include "core/base/error.h"
#include "core/base/files.h"
#include "hooks/store/h5.h"

using namespace microtome;
using Strings = std::vector<std::string>;

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

}  // namespace

class TestH5 : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::filesystem::path at(const char* name) const { return folder_.filePath(name).toStdString(); }

  private Q_SLOTS:
    void numbers_round_trip();
    void half_rounds_once_to_nearest_even();
    void strings_and_attributes();
    void extendible_rows();
    void mistakes_name_the_object();
    void memory_image();
    void hostile_shape_is_refused_before_allocating();
    void compressed_chunks_of_another_size_data();
    void compressed_chunks_of_another_size();
};

void TestH5::numbers_round_trip() {
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> d{1.5, -inf, std::nan(""), 1e-310, -0.0, 3};
    const std::vector<std::int64_t> i{INT64_MIN, -1, INT64_MAX};
    const std::vector<std::uint8_t> u{0, 255};
    const std::vector<float> one{0.25f};
    {
        h5::File file(at("numbers.h5"), h5::Mode::create);
        file.write<double>("views/effect", d, {1, 2, 3});
        file.write<std::int64_t>("i", i, {3});
        file.write<std::uint8_t>("u", u, {2, 1});
        file.write<float>("scalar", one, {});
        file.write<double>("none", {}, {0, 4});
        file.close();
    }
    const h5::File file(at("numbers.h5"));
    const auto back = file.read<double>("views/effect");
    QCOMPARE(back.shape, (h5::Shape{1, 2, 3}));
    QVERIFY(std::memcmp(back.values.data(), d.data(), d.size() * sizeof(double)) == 0);
    QCOMPARE(file.read<std::int64_t>("i").values, i);
    QCOMPARE(file.read<std::uint8_t>("u").values, u);
    QCOMPARE(file.read<double>("u").values, (std::vector<double>{0, 255}));
    QCOMPARE(file.read<float>("scalar").values, one);
    QCOMPARE(file.read<float>("scalar").shape, h5::Shape{});
    QCOMPARE(file.read<double>("none").shape, (h5::Shape{0, 4}));
    QCOMPARE(file.names(), (Strings{"i", "none", "scalar", "u", "views"}));
    QCOMPARE(file.group("views").names(), Strings{"effect"});
}

// All 65536 halves against the definition, and the values half-way between neighbours and a hair beside.
void TestH5::half_rounds_once_to_nearest_even() {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const Half half{static_cast<std::uint16_t>(bits)};
        const float value = to_float(half);
        if (std::isnan(value)) {
            QVERIFY((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff));
            QVERIFY(std::isnan(to_float(to_half(value))));
            continue;
        }
        QCOMPARE(to_half(value).bits, half.bits);
        QCOMPARE(to_half(static_cast<double>(value)).bits, half.bits);
        const auto mantissa = static_cast<double>(bits & 0x3ff);
        const int exponent = static_cast<int>((bits >> 10) & 31);
        double expected = exponent == 31  ? std::numeric_limits<double>::infinity()
                          : exponent == 0 ? std::ldexp(mantissa, -24)
                                          : std::ldexp(mantissa + 1024, exponent - 25);
        QCOMPARE(static_cast<double>(value), bits & 0x8000 ? -expected : expected);
        if (exponent == 31 || (bits & 0x8000)) continue;
        const double next = (bits & 0x7fff) == 0x7bff ? 65536 : static_cast<double>(to_float({static_cast<std::uint16_t>(bits + 1)}));
        const double middle = (expected + next) / 2;
        const auto even = static_cast<std::uint16_t>(bits & 1 ? bits + 1 : bits);
        QCOMPARE(to_half(middle).bits, even);
        QCOMPARE(to_half(static_cast<float>(middle)).bits, even);
        QCOMPARE(to_half(-middle).bits, static_cast<std::uint16_t>(even | 0x8000));
        // A hair above the middle: through float it would be cut to the middle and rounded again.
        QCOMPARE(to_half(middle * (1 + 1e-15)).bits, static_cast<std::uint16_t>(bits + 1));
        QCOMPARE(to_half(middle * (1 - 1e-15)).bits, static_cast<std::uint16_t>(bits));
    }
    QCOMPARE(to_half(1e300).bits, 0x7c00);
    QCOMPARE(to_half(-1e-300).bits, 0x8000);
}

void TestH5::strings_and_attributes() {
    const Strings texts{"", "Ærøskøbing", std::string(5000, 'x'), " Mary"};
    {
        h5::File file(at("s.h5"), h5::Mode::create_new);
        h5::Dataset made = file.write_strings("labels", texts);
        file.write_strings("empty", {});
        made.set_string("unit", "logit difference");
        made.set_string("unit", "µ");
        made.set_strings("names", texts);
        made.set_strings("nothing", {});
        made.set_integer("n", -7);
        made.set_integer("n", 8);
        made.set_number("x", 0.1);
        made.set_numbers("xs", std::vector<double>{1, -2});
        file.set_string("format", "f");
        file.create_group("g").set_integer("schema", 1);
        file.close();
    }
    h5::File file(at("s.h5"));
    const h5::Dataset labels = file.dataset("/labels");
    QCOMPARE(labels.subject(), at("s.h5").string() + ": /labels");
    QCOMPARE(file.read_strings("labels"), texts);
    QCOMPARE(labels.read_strings(1, 2), (Strings{texts[1], texts[2]}));
    QCOMPARE(file.read_strings("empty"), Strings{});
    QCOMPARE(labels.get_string("unit"), "µ");
    QCOMPARE(labels.get_strings("names"), texts);
    QCOMPARE(labels.get_strings("nothing"), Strings{});
    QCOMPARE(labels.get_integer("n"), 8);
    QCOMPARE(labels.get_number("x"), 0.1);
    QCOMPARE(labels.get_number("n"), 8.0);
    QCOMPARE(labels.get_numbers("xs"), (std::vector<double>{1, -2}));
    QCOMPARE(labels.attribute_names(), (Strings{"n", "names", "nothing", "unit", "x", "xs"}));
    QCOMPARE(file.get_string("format"), "f");
    QCOMPARE(file.group("g").get_integer("schema"), 1);
    QVERIFY(!file.has_attribute("schema"));
}

void TestH5::extendible_rows() {
    std::vector<float> values(40 * 6);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.37f - 20;
    h5::File file(at("e.h5"), h5::Mode::create);
    for (h5::Type type : {h5::Type::float16, h5::Type::float32, h5::Type::float64}) {
        h5::Dataset made =
            file.create_extendible(std::string("a/") + h5::name_of(type), type, {3, 2}, {7, type == h5::Type::float64 ? 4 : 0});
        for (std::uint64_t row = 0; row < 40; row += 5) made.append<float>(5, values.data() + row * 6);
        made.resize(13);
        made.append<float>(27, values.data() + 13 * 6);
        QCOMPARE(made.shape(), (h5::Shape{40, 3, 2}));
        QCOMPARE(made.type(), type);
        const auto back = made.read<float>().values;
        for (std::size_t i = 0; i < values.size(); ++i)
            QCOMPARE(back[i], type == h5::Type::float16 ? to_float(to_half(values[i])) : values[i]);
        std::vector<double> row(6);
        made.read_rows(39, 1, row.data());
        QCOMPARE(row[5], static_cast<double>(back.back()));
    }
    h5::Dataset texts = file.create_extendible("texts", h5::Type::string, {}, {4});
    texts.append_strings(Strings{"one", "two"});
    texts.append_strings(Strings{"three"});
    QCOMPARE(texts.read_strings(), (Strings{"one", "two", "three"}));
}

void TestH5::mistakes_name_the_object() {
    h5::File file(at("m.h5"), h5::Mode::create);
    file.write<double>("x", std::vector<double>{1, 2}, {2});
    const QString name = QString::fromStdString(at("m.h5").string());
    QCOMPARE(message([&] { file.read<double>("y"); }), name + ": /y: expected a dataset of this name, got none");
    QCOMPARE(message([&] { file.group("x"); }), name + ": /x: expected a group of this name, got none");
    QCOMPARE(message([&] { file.dataset("x").get_string("unit"); }),
             name + ": /x: attribute unit: expected an attribute of this name, got none");
    QCOMPARE(message([&] { file.read_strings("x"); }), name + ": /x: expected a list of strings, got another HDF5 type or shape");
    std::vector<double> out(2);
    QCOMPARE(message([&] { file.dataset("x").read_rows(1, 2, out.data()); }), name + ": /x: expected rows inside 0..2, got 1 + 2");
    QVERIFY(message([&] { file.write<double>("x", out, {2}); }).startsWith(name + ": /x: expected a new dataset, got "));
    QVERIFY(message([&] { file.write<double>("z", out, {3}); }).startsWith(name + ": /z: expected 3 values, got 2"));
    QVERIFY(message([&] { file.set_string("a", std::string("a\0b", 3)); }).contains("attribute a: expected text without NUL characters"));
    QVERIFY(message([&] { h5::File(at("m.h5"), h5::Mode::create_new); }).startsWith(name + ": expected a file that can be made, got "));
    QVERIFY(message([&] { h5::File(at("none.h5")); }).endsWith("none.h5: expected an HDF5 file, got No such file or directory"));
    write_file(at("text.h5"), "this is not HDF5");
    QVERIFY(message([&] { h5::File(at("text.h5")); }).contains("text.h5: expected an HDF5 file in good order, got no HDF5 signature"));
    QVERIFY(
        message([&] { h5::File("/nowhere/x.h5", h5::Mode::create); }).startsWith("/nowhere/x.h5: expected a file that can be made, got "));
}

void TestH5::memory_image() {
    {
        h5::File file(at("i.h5"), h5::Mode::create);
        file.write<double>("x", std::vector<double>{1, 2}, {2});
        file.close();
    }
    const std::string bytes = read_file(at("i.h5"));
    const h5::File file = h5::File::from_image(std::as_bytes(std::span(bytes)), "image");
    QCOMPARE(file.read<double>("x").values, (std::vector<double>{1, 2}));
    QVERIFY(message([&] {
                h5::File::from_image(std::as_bytes(std::span(bytes).first(100)), "cut");
            }).startsWith("cut: expected an HDF5 file in good order, got a file that was cut off"));
}

void TestH5::hostile_shape_is_refused_before_allocating() {
    h5::File file(at("huge.h5"), h5::Mode::create);
    h5::Dataset made = file.create_extendible("x", h5::Type::float64, {1000}, {1});
    made.resize(std::uint64_t{1} << 40);  // nothing written: a petabyte of promises
    QVERIFY(message([&] {
                made.read<double>();
            }).contains("/x: expected 1099511627776000 stored elements of 8 bytes, got 0 bytes in the file"));
}

void TestH5::compressed_chunks_of_another_size_data() {
    QTest::addColumn<QByteArray>("stream");
    QTest::addColumn<QString>("says");
    // zlib streams (RFC 1950): one byte; a stored block (RFC 1951, 3.2.4) of 65,535 bytes that are not there; a block of the reserved kind
    QTest::newRow("short") << QByteArray::fromHex("789cab000000790079") << "expected chunks that unpack to 256 bytes, got one of 1";
    QTest::newRow("cut off") << QByteArray::fromHex("780100ffff0000") << "got one that is cut off";
    QTest::newRow("damaged") << QByteArray::fromHex("789c06") << "got a damaged one";
}

void TestH5::compressed_chunks_of_another_size() {
    QFETCH(QByteArray, stream);
    QFETCH(QString, says);
    {
        h5::File file(at("z.h5"), h5::Mode::create);
        std::vector<float> values(64 * 3);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i * i));
        file.create_extendible("x", h5::Type::float32, {4}, {16, 9}).append(48, values.data());
        file.close();
    }
    std::string bytes = read_file(at("z.h5"));
    const std::size_t second = bytes.find("\x78\xda", bytes.find("\x78\xda") + 2);  // the header of levels 7 to 9
    QVERIFY(second != std::string::npos);
    bytes.replace(second, static_cast<std::size_t>(stream.size()), stream.toStdString());
    write_file(at("z.h5"), bytes);
    h5::File file(at("z.h5"), h5::Mode::read_write);
    h5::Dataset x = file.dataset("x");
    std::vector<float> out(64 * 3);
    x.read_rows(0, 16, out.data());  // the chunk before is good
    for (const auto& use : std::vector<std::function<void()>>{[&] { x.read_rows(10, 20, out.data()); }, [&] { x.read<double>(); },
                                                              [&] { x.write_rows(20, 1, out.data()); }, [&] { x.resize(20); }})
        QVERIFY2(message(use).endsWith(says), qPrintable(message(use)));
}

QTEST_GUILESS_MAIN(TestH5)
#include "test_h5.moc"
