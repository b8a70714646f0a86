#include "core/factored.h"

#include <ATen/ATen.h>

namespace microtome {
namespace {

// The triangle of a thin QR; of a flat matrix the whole.
Tensor triangle(const Tensor& x) {
    return std::get<1>(at::linalg_qr(x, "r"));
}

}  // namespace

double FactoredMatrix::norm() const {
    return at::matmul(triangle(A), triangle(B.t()).t()).norm().item<double>();
}

FactoredMatrix::Svd FactoredMatrix::svd() const {
    auto [Q_A, R_A] = at::linalg_qr(A);
    auto [Q_B, R_B] = at::linalg_qr(B.t());
    auto [u, s, vh] = at::linalg_svd(at::matmul(R_A, R_B.t()), false);
    Tensor U = at::matmul(Q_A, u), V = at::matmul(Q_B, vh.t());
    Tensor largest = U.gather(0, U.abs().argmax(0, true));  // (1, inner)
    Tensor sign = at::where(largest < 0, at::full_like(largest, -1), at::ones_like(largest));
    return {U * sign, s, V * sign};
}

Tensor FactoredMatrix::eigenvalues() const {
    return at::linalg_eigvals(at::matmul(B, A));
}

Tensor FactoredMatrix::eigenvalues(const Tensor& between) const {
    return at::linalg_eigvals(at::matmul(at::matmul(B, between), A));
}

ReducedMatrix::ReducedMatrix(const FactoredMatrix& m) {
    Tensor R_A = triangle(m.A), R_B = triangle(m.B.t());
    left = at::matmul(R_A, m.B);
    right = at::matmul(m.A, R_B.t());
    norm = at::matmul(R_A, R_B.t()).norm().item<double>();
}

double composition(const ReducedMatrix& earlier, const ReducedMatrix& later) {
    double scale = earlier.norm * later.norm;
    return scale > 0 ? at::matmul(earlier.left, later.right).norm().item<double>() / scale : 0;
}

double positive_share(const Tensor& eigenvalues) {
    double all = at::abs(eigenvalues).sum().item<double>();
    return all > 0 ? at::real(eigenvalues).sum().item<double>() / all : 0;
}

}  // namespace microtome
