"""Every real file is either right, pixel by pixel of this table, or refused with these words.

The greys were not worked out by the code under test: the stored value was read from the file's bytes with
numpy, or decoded by GDCM (through SimpleITK) or Pillow, and put through the slope and PS3.3 C.11.2.1.2.1 by
hand. A remark names the decoder, the value in the modality's units, and the window or the two percentiles.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, JPEGBaseline8Bit

from chat_app.errors import UnreadableFile
from chat_app.imaging import Limits, read
from chat_app.imaging.dicom import DicomFile
from chat_app.imaging.render import show

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

Grey = int | tuple[int, int, int]
Row = tuple[str, int, tuple[int, int], Grey]

REAL = Path(get_testdata_file("CT_small.dcm", download=False)).parent
# Their decoders may differ by this much from one version to the next; all else is exact.
LOSSY, TOLERANCE = (JPEGBaseline8Bit, JPEG2000), 2

INSIDE_PYDICOM: list[Row] = [
    ("693_J2KI.dcm", 1, (260, 185), 64),  # GDCM, 15, window 40/100, padding
    ("CT_small.dcm", 1, (70, 90), 145),  # 18, -850 to 673.17
    ("ExplVR_BigEnd.dcm", 1, (26, 63), (255, 255, 0)),
    ("GDCMJ2K_TextGBR.dcm", 1, (174, 118), (0, 255, 0)),  # GDCM
    ("J2K_pixelrep_mismatch.dcm", 1, (248, 307), 121),  # GDCM, 37, window 40/100
    ("JPEG2000.dcm", 1, (351, 106), 95),  # GDCM, 29, -6 to 88
    ("JPEGLSNearLossless_08.dcm", 1, (9, 0), 125),  # GDCM, 125, as stored
    ("JPEGLSNearLossless_16.dcm", 1, (9, 0), 127),  # GDCM, 32765, 0 to 65535
    ("MR_small.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("MR_small_RLE.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("MR_small_bigendian.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("MR_small_expb.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("MR_small_implicit.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("MR_small_jp2klossless.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("MR_small_jpeg_ls_lossless.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("MR_small_padded.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("SC_jpeg_no_color_transform_2.dcm", 1, (101, 174), (197, 179, 209)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cr.dcm", 1, (24, 0), (0, 255, 0)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cy+n1.dcm", 1, (24, 0), (0, 255, 3)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cy+n2.dcm", 1, (24, 0), (1, 255, 1)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cy+np.dcm", 1, (24, 0), (0, 255, 3)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cy+s2.dcm", 1, (24, 0), (1, 255, 1)),  # Pillow
    ("SC_rgb_dcmtk_+eb+cy+s4.dcm", 1, (24, 0), (1, 255, 1)),  # Pillow
    ("SC_rgb_gdcm_KY.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_jls_lossy_line.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_jls_lossy_sample.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_jpeg_app14_dcmd.dcm", 1, (101, 174), (197, 179, 209)),  # Pillow
    ("SC_rgb_jpeg_dcmd.dcm", 1, (153, 1), (243, 240, 238)),
    ("SC_rgb_jpeg_dcmtk.dcm", 1, (24, 0), (1, 255, 1)),  # Pillow
    ("SC_rgb_jpeg_gdcm.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_jpeg_lossy_gdcm.dcm", 1, (24, 0), (0, 255, 1)),  # Pillow
    ("SC_rgb_rle.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_rle_2frame.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("SC_rgb_rle_2frame.dcm", 2, (24, 0), (255, 0, 255)),  # GDCM
    ("SC_rgb_small_odd.dcm", 1, (0, 2), (166, 141, 52)),
    ("SC_rgb_small_odd_jpeg.dcm", 1, (0, 2), (165, 142, 49)),  # Pillow
    ("dicomdirtests/77654033/CR1/6154", 1, (6, 6), 94),  # 1970.19, window 1600/2800, MONOCHROME1
    ("dicomdirtests/77654033/CR2/6247", 1, (6, 6), 162),  # 1217.79, window 1600/2800, MONOCHROME1
    ("dicomdirtests/77654033/CR3/6278", 1, (6, 6), 115),  # 1738.32, window 1600/2800, MONOCHROME1
    ("dicomdirtests/77654033/CT2/17106", 1, (14, 13), 93),  # 16, window 30/100
    ("dicomdirtests/77654033/CT2/17136", 1, (6, 15), 252),  # 78, window 30/100
    ("dicomdirtests/77654033/CT2/17166", 1, (6, 6), 255),  # 1444, window 30/100
    ("dicomdirtests/77654033/CT2/17196", 1, (6, 6), 255),  # 788, window 30/100
    ("dicomdirtests/98892001/CT2N/6293", 1, (4, 1), 229),  # 249, window 50/500
    ("dicomdirtests/98892001/CT2N/6924", 1, (6, 6), 164),  # 121, window 50/500
    ("dicomdirtests/98892001/CT5N/2062", 1, (6, 0), 89),  # -21, window 40/400
    ("dicomdirtests/98892001/CT5N/2392", 1, (6, 1), 118),  # 25, window 40/400
    ("dicomdirtests/98892001/CT5N/2693", 1, (6, 7), 121),  # 30, window 40/400
    ("dicomdirtests/98892001/CT5N/3023", 1, (8, 11), 100),  # -3, window 40/400
    ("dicomdirtests/98892001/CT5N/3353", 1, (10, 7), 78),  # -38, window 40/400
    ("dicomdirtests/98892003/MR1/15820", 1, (12, 0), 149),  # 310, window 243/798
    ("dicomdirtests/98892003/MR1/4919", 1, (12, 0), 179),  # 515, window 349/829
    ("dicomdirtests/98892003/MR1/5641", 1, (3, 1), 148),  # 345, window 282/782
    ("dicomdirtests/98892003/MR2/15970", 1, (6, 6), 107),  # 225, window 303/971
    ("dicomdirtests/98892003/MR2/4950", 1, (1, 11), 160),  # 496, window 378/919
    ("dicomdirtests/98892003/MR2/4981", 1, (2, 6), 163),  # 550, window 446/752
    ("dicomdirtests/98892003/MR2/5011", 1, (2, 13), 182),  # 566, window 388/836
    ("dicomdirtests/98892003/MR2/6273", 1, (2, 8), 185),  # 530, window 359/762
    ("dicomdirtests/98892003/MR2/6605", 1, (2, 14), 165),  # 437, window 325/761
    ("dicomdirtests/98892003/MR2/6935", 1, (0, 13), 191),  # 470, window 283/757
    ("dicomdirtests/98892003/MR700/4467", 1, (6, 2), 71),  # 69, window 149/359
    ("dicomdirtests/98892003/MR700/4528", 1, (5, 13), 62),  # 56, window 149/359
    ("dicomdirtests/98892003/MR700/4558", 1, (6, 15), 197),  # 246, window 149/359
    ("dicomdirtests/98892003/MR700/4588", 1, (6, 1), 63),  # 58, window 149/359
    ("dicomdirtests/98892003/MR700/4618", 1, (5, 12), 62),  # 56, window 149/359
    ("dicomdirtests/98892003/MR700/4648", 1, (2, 8), 62),  # 56, window 149/359
    ("dicomdirtests/98892003/MR700/4678", 1, (2, 14), 72),  # 70, window 149/359
    ("examples_jpeg2k.dcm", 1, (201, 35), (255, 130, 0)),  # GDCM
    ("examples_overlay.dcm", 1, (146, 260), 60),  # 241, window 450/790
    ("examples_palette.dcm", 1, (72, 313), (69, 115, 179)),  # palette
    ("examples_rgb_color.dcm", 1, (100, 169), (254, 171, 0)),
    ("examples_ybr_color.dcm", 1, (231, 206), (45, 56, 76)),  # Pillow
    ("examples_ybr_color.dcm", 30, (231, 206), (45, 56, 76)),  # Pillow
    ("image_dfl.dcm", 1, (256, 217), 138),  # 138, as stored
    ("liver_1frame.dcm", 1, (219, 115), 255),  # 1, 0 to 1
    ("liver_expb_1frame.dcm", 1, (219, 115), 255),  # 1, 0 to 1
    ("rtdose.dcm", 1, (4, 0), 129),  # 1.029e+06, 797970 to 1.254e+06
    ("rtdose.dcm", 15, (4, 0), 130),  # 1.029e+06, 798970 to 1.251e+06
    ("rtdose_1frame.dcm", 1, (4, 0), 129),  # 1.029e+06, 797970 to 1.254e+06
    ("rtdose_expb.dcm", 1, (4, 0), 129),  # 1.029e+06, 797970 to 1.254e+06
    ("rtdose_expb.dcm", 15, (4, 0), 130),  # 1.029e+06, 798970 to 1.251e+06
    ("rtdose_expb_1frame.dcm", 1, (4, 0), 129),  # 1.029e+06, 797970 to 1.254e+06
    ("rtdose_rle.dcm", 1, (4, 0), 129),  # GDCM, 1.029e+06, 797970 to 1.254e+06
    ("rtdose_rle.dcm", 15, (4, 0), 130),  # GDCM, 1.029e+06, 798970 to 1.251e+06
    # More than 8 bits a colour in RLE, which GDCM reads in the wrong order: the picture of SC_rgb_rle.dcm.
    ("SC_rgb_rle_16bit.dcm", 1, (24, 0), (0, 255, 0)),
    ("SC_rgb_rle_16bit_2frame.dcm", 2, (24, 0), (255, 0, 255)),
    ("SC_rgb_rle_32bit.dcm", 1, (24, 0), (0, 255, 0)),
    ("SC_rgb_rle_32bit_2frame.dcm", 2, (24, 0), (255, 0, 255)),
]

SHARED: list[Row] = [
    ("charset_gb18030.dcm", 1, (4, 31), 127),  # 127, as stored
    ("charset_russian.dcm", 1, (4, 31), 127),  # 127, as stored
    ("cr_chest_mono1_j2k.dcm", 1, (528, 1227), 131),  # GDCM, 32767 - 18235, window 15000/30000, MONOCHROME1
    ("cr_chest_mono1_jpeg.dcm", 1, (319, 378), 191),  # Pillow, 64, as stored, MONOCHROME1
    ("cr_chest_mono2_jpeg.dcm", 1, (332, 270), 113),  # Pillow, 113, as stored
    ("cr_extremity_mono1_j2k.dcm", 1, (600, 690), 64),  # GDCM, 1023 - 219, window 550/1024, MONOCHROME1
    ("cr_rg2_j2k.dcm", 1, (681, 640), 117),  # GDCM, 469, window 511/1024
    ("ct1_j2k_irrev.dcm", 1, (211, 396), 164),  # GDCM, -839, -3065 to 395, padding
    ("ct1_j2k_rev.dcm", 1, (214, 441), 179),  # GDCM, 16, -988 to 446, padding
    ("ct1_jpeg_lossless.dcm", 1, (214, 441), 179),  # GDCM, 16, -988 to 446, padding
    ("ct1_jpegls_near.dcm", 1, (212, 83), 162),  # GDCM, -845, -3027 to 413, padding
    ("ct1_rle.dcm", 1, (214, 441), 179),  # GDCM, 16, -988 to 446, padding
    ("ct2_j2k_rev.dcm", 1, (233, 198), 132),  # GDCM, 36, window 35/80
    ("ct_j2k_pixelrep_mismatch.dcm", 1, (248, 307), 121),  # GDCM, 37, window 40/100
    ("ct_small.dcm", 1, (70, 90), 145),  # 18, -850 to 673.17
    ("enhanced_mr_10frames.dcm", 1, (22, 5), 163),  # 224, 7 to 347.05
    ("enhanced_mr_10frames.dcm", 10, (30, 26), 120),  # 168, 7 to 348.05
    ("enhanced_mr_bigendian.dcm", 1, (22, 5), 163),  # 224, 7 to 347.05
    ("enhanced_mr_bigendian.dcm", 10, (30, 26), 120),  # 168, 7 to 348.05
    ("enhanced_mr_j2k.dcm", 1, (22, 5), 163),  # GDCM, 224, 7 to 347.05
    ("enhanced_mr_j2k.dcm", 10, (30, 26), 120),  # GDCM, 168, 7 to 348.05
    ("enhanced_mr_philips_64frames.dcm", 1, (28, 36), 143),  # 1057.16, window 959/1667
    ("enhanced_mr_philips_64frames.dcm", 64, (25, 38), 179),  # 201.832, window 0/1000
    ("enhanced_mr_siemens_xa10.dcm", 1, (28, 37), 111),  # 535, window 625/1361
    ("enhanced_mr_siemens_xa10.dcm", 6, (28, 27), 150),  # 742, window 623/1354
    ("mr1_512_j2k_rev.dcm", 1, (210, 304), 72),  # GDCM, 252, window 600/1600
    ("mr3_j2k_rev.dcm", 1, (225, 295), 136),  # GDCM, 541, window 500/1200, padding
    ("mr4_j2k_rev.dcm", 1, (253, 380), 140),  # GDCM, -818.254, window -927/2265
    ("mr_overlay.dcm", 1, (146, 260), 60),  # 241, window 450/790
    ("mr_small.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("mr_small_bigendian.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("mr_small_implicit.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("mr_small_j2k.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("mr_small_jpegls.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("mr_small_padded.dcm", 1, (21, 0), 87),  # 345, window 600/1600
    ("mr_small_rle.dcm", 1, (21, 0), 87),  # GDCM, 345, window 600/1600
    ("parametric_map_float.dcm", 1, (68, 19), 119),  # 0.465997, window 0.5/1
    ("rtdose_15frames.dcm", 1, (4, 0), 129),  # 1.029e+06, 797970 to 1.254e+06
    ("rtdose_15frames.dcm", 15, (4, 0), 130),  # 1.029e+06, 798970 to 1.251e+06
    ("sc_htj2k_rgb.dcm", 1, (150, 489), (168, 136, 78)),  # Pillow
    ("sc_rgb_jpeg.dcm", 1, (24, 0), (1, 255, 1)),  # Pillow
    ("sc_rgb_rle_2frames.dcm", 1, (24, 0), (0, 255, 0)),  # GDCM
    ("sc_rgb_rle_2frames.dcm", 2, (24, 0), (255, 0, 255)),  # GDCM
    ("seg_binary_3frames.dcm", 1, (219, 115), 255),  # 1, 0 to 1
    ("seg_binary_3frames.dcm", 3, (219, 152), 255),  # 1, 0 to 1
    ("series_ct_chest_P002/000.dcm", 1, (252, 431), 85),  # GDCM, -8, window 50/350
    ("series_ct_chest_P002/066.dcm", 1, (256, 479), 72),  # GDCM, -26, window 50/350
    ("series_ct_chest_P002/132.dcm", 1, (249, 467), 151),  # GDCM, 81, window 50/350
    ("series_ct_chest_normal002/000.dcm", 1, (252, 86), 151),  # GDCM, 81, window 50/350
    ("series_ct_chest_normal002/064.dcm", 1, (284, 154), 91),  # GDCM, 0, window 50/350
    ("series_ct_chest_normal002/160.dcm", 1, (258, 188), 102),  # GDCM, 14, window 50/350
    ("us_bigendian_rgb.dcm", 1, (26, 63), (255, 255, 0)),
    ("us_cine_ybr422_30frames.dcm", 1, (231, 206), (45, 56, 76)),  # Pillow
    ("us_cine_ybr422_30frames.dcm", 30, (231, 206), (45, 56, 76)),  # Pillow
    ("us_j2k_ybr_ict.dcm", 1, (201, 128), (255, 144, 5)),  # GDCM
    ("us_j2k_ybr_rct.dcm", 1, (201, 35), (255, 130, 0)),  # GDCM
    ("us_jpeg_lossless_sv1.dcm", 1, (349, 613), 92),  # GDCM, 91, window 127/254
    ("us_palette.dcm", 1, (72, 313), (69, 115, 179)),  # palette
    ("us_palette16_aloka.dcm", 1, (81, 105), (0, 250, 0)),  # palette
    ("us_palette_rle_2frames.dcm", 1, (73, 311), (57, 96, 150)),  # GDCM
    ("us_palette_rle_2frames.dcm", 2, (315, 333), (57, 96, 150)),  # GDCM
    ("us_rgb.dcm", 1, (100, 169), (254, 171, 0)),
    ("vl1_colour_photo.dcm", 1, (188, 430), (218, 139, 102)),  # GDCM
    ("voi_lut.dcm", 1, (189, 283), 127),  # 127, table
    ("xa1_j2k.dcm", 1, (444, 65), 162),  # GDCM, 201, 0 to 316
]

REFUSED_INSIDE_PYDICOM = {
    "ExplVR_BigEndNoMeta.dcm": "RT Ion Plan) holds no picture",
    "ExplVR_LitEndNoMeta.dcm": "RT Ion Plan) holds no picture",
    "JPEG-lossy.dcm": "JPEG Extended",
    "JPEG2000-embedded-sequence-delimiter.dcm": "not of the size",
    "JPGExtended.dcm": "JPEG Extended",
    "MR_truncated.dcm": "shorter than its header",
    "UN_sequence.dcm": "missing or cut off",
    "badVR.dcm": "header of this DICOM file is damaged",
    "dicomdirtests/DICOMDIR": "only lists other files",
    "dicomdirtests/DICOMDIR-bigEnd": "only lists other files",
    "dicomdirtests/DICOMDIR-empty.dcm": "only lists other files",
    "dicomdirtests/DICOMDIR-implicit": "only lists other files",
    "dicomdirtests/DICOMDIR-nooffset": "only lists other files",
    "dicomdirtests/DICOMDIR-nopatient": "only lists other files",
    "dicomdirtests/DICOMDIR-reordered": "only lists other files",
    "empty_charset_LEI.dcm": "holds no picture",
    "meta_missing_tsyntax.dcm": "header of this DICOM file is damaged",
    "nested_priv_SQ.dcm": "header of this DICOM file is damaged",
    "no_meta.dcm": "not a picture of a known kind",
    "no_meta_group_length.dcm": "missing or cut off",
    "priv_SQ.dcm": "missing or cut off",
    "reportsi.dcm": "Basic Text SR) holds no picture",
    "reportsi_with_empty_number_tags.dcm": "Basic Text SR) holds no picture",
    "rtplan.dcm": "RT Plan) holds no picture",
    "rtplan_truncated.dcm": "RT Plan) holds no picture",
    "rtstruct.dcm": "RT Structure Set) holds no picture",
    "test-SR.dcm": "Comprehensive SR) holds no picture",
    "waveform_ecg.dcm": "12-lead ECG Waveform) holds no picture",
}

REFUSED_SHARED = {
    "DICOMDIR": "only lists other files",
    "ct_no_meta.dcm": "not a picture of a known kind",
    "ecg_waveform.dcm": "12-lead ECG Waveform) holds no picture",
    "empty_charset.dcm": "holds no picture",
    "enhanced_mr_j2k_too_short.dcm": "missing or cut off",
    "expl_le_no_meta.dcm": "RT Ion Plan) holds no picture",
    "mr4_jpeg_ext12.dcm": "JPEG Extended",
    "mr_truncated.dcm": "shorter than its header",
    "nm_j2k_embedded_delimiter.dcm": "not of the size",
    "nm_jpeg_extended.dcm": "JPEG Extended",
    "nm_jpeg_lossy_12bit.dcm": "JPEG Extended",
    "no_meta_group_length.dcm": "missing or cut off",
    "rtplan_no_pixels.dcm": "RT Plan) holds no picture",
    "rtplan_truncated.dcm": "RT Plan) holds no picture",
    "rtstruct_no_pixels.dcm": "RT Structure Set) holds no picture",
    "sr_no_pixels.dcm": "Comprehensive SR) holds no picture",
    "sr_report.dcm": "Basic Text SR) holds no picture",
    "un_sequence.dcm": "missing or cut off",
}


def is_shown(path: Path, row: Row) -> None:
    _, frame, pixel, grey = row
    shown = show(DicomFile.open(path.read_bytes(), Limits()).frame(frame))[pixel]
    syntax = dcmread(path, force=True, stop_before_pixels=True).file_meta.get("TransferSyntaxUID")
    tolerance = TOLERANCE if syntax in LOSSY else 0
    assert np.abs(shown.astype(int) - np.asarray(grey)).max() <= tolerance


def is_refused(path: Path, words: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(path, name="image 1", frame=1)
    sentence = str(refused.value)
    assert words in sentence and sentence.endswith(".")
    assert path.name not in sentence or path.name == "DICOMDIR"


@pytest.mark.parametrize("row", INSIDE_PYDICOM, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_pixel_of_a_file_inside_pydicom_has_its_grey(row: Row) -> None:
    is_shown(REAL / row[0], row)


@pytest.mark.parametrize("row", SHARED, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_pixel_of_a_shared_file_has_its_grey(shared_data: Path, row: Row) -> None:
    is_shown(shared_data / "dicom" / row[0], row)


@pytest.mark.parametrize(("file", "words"), REFUSED_INSIDE_PYDICOM.items(), ids=REFUSED_INSIDE_PYDICOM)
def test_a_file_inside_pydicom_without_a_picture_is_refused(file: str, words: str) -> None:
    is_refused(REAL / file, words)


@pytest.mark.parametrize(("file", "words"), REFUSED_SHARED.items(), ids=REFUSED_SHARED)
def test_a_shared_file_without_a_picture_is_refused(shared_data: Path, file: str, words: str) -> None:
    is_refused(shared_data / "dicom" / file, words)


def test_no_shared_file_is_left_out_of_the_tables(shared_data: Path) -> None:
    known = {row[0] for row in SHARED} | set(REFUSED_SHARED)
    files = {path.name for path in (shared_data / "dicom").iterdir() if path.is_file()} - {"MANIFEST.tsv"}
    assert files <= known and len(files) > 60


def test_every_slice_of_the_shared_series_opens(shared_data: Path) -> None:
    slices = sorted((shared_data / "dicom").glob("series*/*.dcm"))
    assert len(slices) > 40
    for path in slices:
        assert read(path, name="image 1").pixels.std() > 20
