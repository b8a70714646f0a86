// A matrix of low rank kept as its two factors, M = A B: the circuits of a head, (d_model, d_head)(d_head, d_model), whose product is never
// made. Singular values, eigenvalues and norms cost matrices of the inner width only.
#pragma once

#include "core/tensor.h"

namespace microtome {

struct FactoredMatrix {
    Tensor A, B;  // (rows, inner), (inner, columns)

    struct Svd {
        Tensor U, S, V;  // (rows, inner), (inner) descending, (columns, inner): M = U diag(S) Vᵀ
    };

    FactoredMatrix transposed() const { return {B.t(), A.t()}; }
    /// ‖M‖_F.
    double norm() const;
    /// Of M = Q_A (R_A R_Bᵀ) Q_Bᵀ, from the inner matrix. The sign of each pair: the entry of U of largest magnitude is positive.
    Svd svd() const;
    /// The eigenvalues of M that can differ from 0 (a square M): those of B A, complex (inner).
    Tensor eigenvalues() const;
    /// The same with the maps `between`: eigenvalues of A B between, B (between) A.
    Tensor eigenvalues(const Tensor& between) const;
};

/// Keeps what composition needs of a factored matrix: M = Q_A core Q_Bᵀ without the orthogonal factors, which change no norm.
struct ReducedMatrix {
    Tensor left;   // R_A B, (inner, columns): ‖left X‖ = ‖M X‖
    Tensor right;  // A R_Bᵀ, (rows, inner): ‖X right‖ = ‖X M‖
    double norm = 0;
    ReducedMatrix() = default;
    explicit ReducedMatrix(const FactoredMatrix& m);
};

/// ‖L R‖_F / (‖L‖_F ‖R‖_F) (Elhage et al. 2021), L of the earlier head. 0 where either is 0.
double composition(const ReducedMatrix& earlier, const ReducedMatrix& later);

/// Σ Re λ / Σ |λ|: 1 where every eigenvalue is positive (copying), −1 where each is negative. 0 where all are 0.
double positive_share(const Tensor& eigenvalues);

}  // namespace microtome
