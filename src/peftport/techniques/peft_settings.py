"""Settings of peft's own further methods, one class a method."""

from typing import Literal

from pydantic import Field

from peftport.settings import Text
from peftport.techniques.base_settings import PROJECTIONS, Projections, TechniqueSettings


class DoraSettings(TechniqueSettings):
    """Weight-decomposed LoRA (Liu et al., 2024), peft's own."""

    method: Literal["dora"] = Field("dora", description="the PEFT method")
    r: int = Field(8, ge=1, description="rank")
    lora_alpha: float = Field(8.0, gt=0, description="the update is scaled by lora_alpha / r")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    targets: Projections = PROJECTIONS


class VeraSettings(TechniqueSettings):
    """Vector-based random matrix adaptation (Kopiczko et al., 2024), peft's own."""

    method: Literal["vera"] = Field("vera", description="the PEFT method")
    r: int = Field(256, ge=1, description="rank")
    projection_prng_key: int = Field(
        0, ge=0, description="seed of the frozen random part, which is drawn and not stored"
    )
    vera_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    d_initial: float = Field(0.1, gt=0, description="where the vectors of the inner width start")
    targets: Projections = PROJECTIONS


class PveraSettings(TechniqueSettings):
    """Probabilistic VeRA (arXiv 2512.07703), peft's own."""

    method: Literal["pvera"] = Field("pvera", description="the PEFT method")
    r: int = Field(256, ge=1, description="rank")
    projection_prng_key: int = Field(
        0, ge=0, description="seed of the frozen random part, which is drawn and not stored"
    )
    pvera_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    d_initial: float = Field(0.1, gt=0, description="where the vectors of the inner width start")
    targets: Projections = PROJECTIONS


class RandloraSettings(TechniqueSettings):
    """RandLoRA (Albert et al., 2025), peft's own."""

    method: Literal["randlora"] = Field("randlora", description="the PEFT method")
    r: int = Field(32, ge=1, description="rank of each of the random bases")
    projection_prng_key: int = Field(
        0, ge=0, description="seed of the frozen random part, which is drawn and not stored"
    )
    sparse: bool = Field(False, description="bases of -1, 0 and 1")
    very_sparse: bool = Field(False, description="fewer entries in the bases that are not 0")
    randlora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    randlora_alpha: float = Field(640.0, gt=0, description="the update is scaled by randlora_alpha / r")
    targets: Projections = PROJECTIONS


class UniloraSettings(TechniqueSettings):
    """Uni-LoRA (arXiv 2506.00799): one vector fills all low-rank factors, peft's own."""

    method: Literal["unilora"] = Field("unilora", description="the PEFT method")
    r: int = Field(4, ge=1, description="rank")
    proj_seed: int = Field(42, ge=0, description="seed of the frozen random part, which is drawn and not stored")
    theta_d_length: int = Field(256, ge=1, description="length of the one vector")
    unilora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    init_theta_d_bound: float = Field(0.02, gt=0, description="largest entry of the initial vector")
    targets: Projections = PROJECTIONS


class VbloraSettings(TechniqueSettings):
    """VB-LoRA (Li et al., 2024): low-rank factors mixed from a bank of vectors that all sites share, peft's own."""

    method: Literal["vblora"] = Field("vblora", description="the PEFT method")
    r: int = Field(4, ge=1, description="rank")
    num_vectors: int = Field(256, ge=1, description="vectors in the bank")
    vector_length: int = Field(256, ge=1, description="their length, by which the sizes of the projections are divided")
    topk: int = Field(2, ge=1, description="vectors mixed into one part")
    vblora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    init_vector_bank_bound: float = Field(0.02, gt=0, description="largest entry of the initial bank")
    init_logits_std: float = Field(0.1, gt=0, description="standard deviation of the initial logits")
    targets: Projections = PROJECTIONS


class LohaSettings(TechniqueSettings):
    """Low-rank Hadamard product (Hyeon-Woo et al., 2022), peft's own."""

    method: Literal["loha"] = Field("loha", description="the PEFT method")
    r: int = Field(8, ge=1, description="rank")
    alpha: float = Field(8.0, gt=0, description="the update is scaled by alpha / r")
    rank_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of ranks")
    module_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of whole sites")
    targets: Projections = PROJECTIONS


class LokrSettings(TechniqueSettings):
    """Low-rank Kronecker product (Yeh et al., 2024), peft's own."""

    method: Literal["lokr"] = Field("lokr", description="the PEFT method")
    r: int = Field(8, ge=1, description="rank")
    alpha: float = Field(8.0, gt=0, description="the update is scaled by alpha / r")
    decompose_both: bool = Field(False, description="both factors are of low rank")
    rank_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of ranks")
    module_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of whole sites")
    targets: Projections = PROJECTIONS


class HiraSettings(TechniqueSettings):
    """HiRA (Huang et al., 2025): the host's weights times a low-rank matrix, entry by entry, peft's own."""

    method: Literal["hira"] = Field("hira", description="the PEFT method")
    r: int = Field(32, ge=1, description="rank")
    hira_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    targets: Projections = PROJECTIONS


class GraloraSettings(TechniqueSettings):
    """GraLoRA: a LoRA per block of the weights, peft's own."""

    method: Literal["gralora"] = Field("gralora", description="the PEFT method")
    r: int = Field(32, ge=1, description="rank")
    alpha: float = Field(64.0, gt=0, description="the update is scaled by alpha / r")
    gralora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    gralora_k: int = Field(2, ge=1, description="blocks per side of the weights")
    targets: Projections = PROJECTIONS


class DeftSettings(TechniqueSettings):
    """DEFT: a part of the weights is taken out and another put in, both of low rank, peft's own."""

    method: Literal["deft"] = Field("deft", description="the PEFT method")
    r: int = Field(8, ge=1, description="rank")
    decomposition_method: Literal["relu", "qr"] = Field("relu", description="how the part is taken out")
    init_scale: float = Field(1.0, gt=0, description="scale of the initial factor")
    deft_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    targets: Projections = PROJECTIONS


class HraSettings(TechniqueSettings):
    """Householder reflection adaptation (Yuan et al., 2024), peft's own."""

    method: Literal["hra"] = Field("hra", description="the PEFT method")
    r: int = Field(8, ge=1, description="number of reflections")
    apply_GS: bool = Field(False, description="make them orthogonal")
    targets: Projections = PROJECTIONS


class OftSettings(TechniqueSettings):
    """Orthogonal finetuning (Qiu et al., 2023), peft's own."""

    method: Literal["oft"] = Field("oft", description="the PEFT method")
    oft_block_size: int = Field(32, ge=2, description="size of the rotated blocks, which divides the inputs")
    module_dropout: float = Field(0.0, ge=0, lt=1, description="dropout of blocks")
    coft: bool = Field(False, description="bound how far it rotates")
    eps: float = Field(6e-05, gt=0, description="that bound")
    block_share: bool = Field(False, description="one block for all of a site")
    use_cayley_neumann: bool = Field(True, description="take the first terms of the series for the inverse")
    targets: Projections = PROJECTIONS


class C3aSettings(TechniqueSettings):
    """Circular convolution adaptation (arXiv 2407.19342), peft's own."""

    method: Literal["c3a"] = Field("c3a", description="the PEFT method")
    block_size: int = Field(256, ge=1, description="size of the blocks, which divides inputs and outputs")
    targets: Projections = PROJECTIONS


class FourierftSettings(TechniqueSettings):
    """FourierFT (Gao et al., 2024), peft's own."""

    method: Literal["fourierft"] = Field("fourierft", description="the PEFT method")
    n_frequency: int = Field(1000, ge=1, description="trained frequencies per projection")
    scaling: float = Field(150.0, gt=0, description="scale of the update")
    random_loc_seed: int = Field(777, ge=0, description="seed of the frozen random part, which is drawn and not stored")
    targets: Projections = PROJECTIONS


class WaveftSettings(TechniqueSettings):
    """WaveFT: trained wavelet coefficients of the update, peft's own."""

    method: Literal["waveft"] = Field("waveft", description="the PEFT method")
    n_frequency: int = Field(2592, ge=1, description="trained wavelet coefficients per projection")
    scaling: float = Field(25.0, gt=0, description="scale of the update")
    wavelet_family: Text = Field("db1", description="wavelet")
    use_idwt: bool = Field(
        True, description="true: they are wavelet coefficients of the update; false: they are entries of it"
    )
    random_loc_seed: int = Field(777, ge=0, description="seed of the frozen random part, which is drawn and not stored")
    targets: Projections = PROJECTIONS


class MissSettings(TechniqueSettings):
    """MiSS (arXiv 2409.15371): one small matrix, repeated along the inputs, peft's own."""

    method: Literal["miss"] = Field("miss", description="the PEFT method")
    r: int = Field(64, ge=1, description="rank")
    miss_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the update")
    targets: Projections = PROJECTIONS


class PeanutSettings(TechniqueSettings):
    """PEANuT (arXiv 2410.01870): the update is a small network of the host's weights, peft's own."""

    method: Literal["peanut"] = Field("peanut", description="the PEFT method")
    r: int = Field(32, ge=1, description="rank")
    depth: int = Field(0, ge=0, description="further layers on each side")
    act_fn: Text = Field("relu", description="activation by transformers' name")
    scaling: float = Field(1.0, gt=0, description="scale of the update")
    targets: Projections = PROJECTIONS


class RoadSettings(TechniqueSettings):
    """RoAd (arXiv 2409.00119): outputs are rotated and scaled in pairs, peft's own."""

    method: Literal["road"] = Field("road", description="the PEFT method")
    variant: Literal["road_1", "road_2", "road_4"] = Field(
        "road_1", description="how many angles and scales a pair has"
    )
    group_size: int = Field(64, ge=2, description="size of the groups, which divides the outputs")
    targets: Projections = PROJECTIONS


class BeftSettings(TechniqueSettings):
    """BEFT: a learned bias on the outputs, peft's own."""

    method: Literal["beft"] = Field("beft", description="the PEFT method")
    targets: Projections = PROJECTIONS


PEFT_SETTINGS: dict[str, type[TechniqueSettings]] = {
    "dora": DoraSettings,
    "vera": VeraSettings,
    "pvera": PveraSettings,
    "randlora": RandloraSettings,
    "unilora": UniloraSettings,
    "vblora": VbloraSettings,
    "loha": LohaSettings,
    "lokr": LokrSettings,
    "hira": HiraSettings,
    "gralora": GraloraSettings,
    "deft": DeftSettings,
    "hra": HraSettings,
    "oft": OftSettings,
    "c3a": C3aSettings,
    "fourierft": FourierftSettings,
    "waveft": WaveftSettings,
    "miss": MissSettings,
    "peanut": PeanutSettings,
    "road": RoadSettings,
    "beft": BeftSettings,
}
