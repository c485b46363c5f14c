{#- Every cut of the published versions, in the order of application: the paper's section 3.1, then 3.2,
    then the cuts of the strict version only, then the window cuts.

    name      the cut's name; its verdict is the column ok_<name> of int_verdicts
    scope     'object' or 'spectrum': the side of the pair whose columns it reads
    sql       a condition over one row of int_pairs; with {band} in it, it must hold in every band
    spark     the same for Spark and Sail, where they need another text: see cut_sql
    window    instead of sql: a condition over the rows that survive every earlier cut ({alive} marks them)
    limit     of a window cut: its condition as text
    needs     the columns without which it cannot be applied
    reads     of a window cut: other columns that its condition reads
    versions  the versions of galaxies that have the cut
    required  whether a version is incomplete without its columns (else: applied if they are exported)
    section   the section of the paper that states it, or another source
    why       what it removes
    group     the step of the paper's flow chart: photometric (its survivors are X), redshift, quality, duplicates
    rows      boundary rows: values set on an otherwise passing row, and the expected verdict -#}
{%- macro published_cuts() -%}
{%- set all = ['v1', 'v2', 'v3', 'v4'] -%}
{%- set flag_rows = [
    [{'{column}': 'false'}, true], [{'{column}': 'true'}, false], [{'{column}': 'null'}, none]] -%}
{{ return([
    {'name': 'cmodel_flag', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_cmodel_flag', 'needs': ['{band}_cmodel_flag'], 'rows': flag_rows,
     'section': '3.1', 'why': 'The composite-model fit failed: the magnitude means nothing.'},

    {'name': 'edge', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_pixelflags_edge', 'needs': ['{band}_pixelflags_edge'], 'rows': flag_rows,
     'section': '3.1', 'why': 'The object touches the edge of the coverage: part of its light is not measured.'},

    {'name': 'interpolated', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_pixelflags_interpolatedcenter', 'needs': ['{band}_pixelflags_interpolatedcenter'],
     'rows': flag_rows,
     'section': '3.1', 'why': 'Pixels at its centre are interpolated, not observed.'},

    {'name': 'saturated', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_pixelflags_saturatedcenter', 'needs': ['{band}_pixelflags_saturatedcenter'],
     'rows': flag_rows,
     'section': '3.1', 'why': 'Pixels at its centre are saturated: it is brighter than what is measured.'},

    {'name': 'crcenter', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_pixelflags_crcenter', 'needs': ['{band}_pixelflags_crcenter'], 'rows': flag_rows,
     'section': '3.1', 'why': 'A cosmic ray struck its centre.'},

    {'name': 'bad', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_pixelflags_bad', 'needs': ['{band}_pixelflags_bad'], 'rows': flag_rows,
     'section': '3.1', 'why': 'It lies on pixels of the detector that do not work.'},

    {'name': 'centroid', 'scope': 'object', 'group': 'photometric', 'required': true, 'versions': all,
     'sql': 'not {band}_sdsscentroid_flag', 'needs': ['{band}_sdsscentroid_flag'], 'rows': flag_rows,
     'section': '3.1', 'why': 'No centroid was found: there may be no object there.'},

    {'name': 'redshift', 'scope': 'spectrum', 'group': 'redshift', 'required': true, 'versions': all,
     'sql': 'specz_redshift > 0.01 and specz_redshift < 4.0',
     'spark': 'specz_redshift > 0.01e0 and specz_redshift < 4.0e0', 'needs': ['specz_redshift'],
     'rows': [
        [{'specz_redshift': '0.01'}, false], [{'specz_redshift': '0.010000000000000002'}, true],
        [{'specz_redshift': '0.009999999999999998'}, false],
        [{'specz_redshift': '4.0'}, false], [{'specz_redshift': '3.9999999999999996'}, true],
        [{'specz_redshift': '4.000000000000001'}, false],
        [{'specz_redshift': '9.9999'}, false], [{'specz_redshift': '-9'}, false],
        [{'specz_redshift': 'null'}, none]],
     'section': '3.1, 3.2',
     'why': 'Below 0.01 are stars and peculiar velocities, above 4 are few spectra and the sentinel 9.9999. It covers z > 0 and z <> 9.9999 of section 3.1.'},

    {'name': 'error_divided', 'scope': 'spectrum', 'group': 'redshift', 'required': true, 'versions': ['v1'],
     'sql': 'specz_redshift_err > 0 and specz_redshift_err < 1 and specz_redshift_err < 0.005 / (1 + specz_redshift)',
     'spark': 'specz_redshift_err > 0 and specz_redshift_err < 1 and (specz_redshift = -1 or specz_redshift_err < 0.005e0 / (1 + specz_redshift))',
     'needs': ['specz_redshift', 'specz_redshift_err'],
     'rows': [
        [{'specz_redshift': '1', 'specz_redshift_err': '0'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '-0.001'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '5e-324'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.0025'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.0024999999999999996'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.0025000000000000005'}, false],
        [{'specz_redshift': '-0.999', 'specz_redshift_err': '1'}, false],
        [{'specz_redshift': '-0.999', 'specz_redshift_err': '0.9999999999999999'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': 'null'}, none]],
     'section': '3.1, 3.2',
     'why': 'The redshift is not precise enough to be a truth; the limit as the paper prints it, 0.005 / (1 + z).'},

    {'name': 'error', 'scope': 'spectrum', 'group': 'redshift', 'required': true, 'versions': ['v2', 'v3', 'v4'],
     'sql': 'specz_redshift_err > 0 and specz_redshift_err < 1 and specz_redshift_err < 0.005 * (1 + specz_redshift)',
     'spark': 'specz_redshift_err > 0 and specz_redshift_err < 1 and specz_redshift_err < 0.005e0 * (1 + specz_redshift)',
     'needs': ['specz_redshift', 'specz_redshift_err'],
     'rows': [
        [{'specz_redshift': '1', 'specz_redshift_err': '0'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '-0.001'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '5e-324'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.01'}, false],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.009999999999999998'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': '0.010000000000000002'}, false],
        [{'specz_redshift': '999', 'specz_redshift_err': '1'}, false],
        [{'specz_redshift': '999', 'specz_redshift_err': '0.9999999999999999'}, true],
        [{'specz_redshift': '1', 'specz_redshift_err': 'null'}, none]],
     'section': 'authors\' code',
     'why': 'The redshift is not precise enough to be a truth; the limit of the authors\' code, 0.005 (1 + z).'},

    {'name': 'secure', 'scope': 'spectrum', 'group': 'redshift', 'required': true, 'versions': all,
     'sql': 'specz_flag_homogeneous', 'needs': ['specz_flag_homogeneous'],
     'rows': [
        [{'specz_flag_homogeneous': 'true'}, true], [{'specz_flag_homogeneous': 'false'}, false],
        [{'specz_flag_homogeneous': 'null'}, none]],
     'section': '3.1', 'why': 'The survey that took the spectrum does not vouch for its redshift.'},

    {'name': 'detected', 'scope': 'object', 'group': 'quality', 'required': true, 'versions': ['v1', 'v3'],
     'sql': '{band}_cmodel_mag is not null', 'needs': ['{band}_cmodel_mag'],
     'rows': [[{'{band}_cmodel_mag': '23'}, true], [{'{band}_cmodel_mag': 'null'}, false]],
     'section': '3.1', 'why': 'It is not detected in every filter: a colour is missing.'},

    {'name': 'magnitude_range', 'scope': 'object', 'group': 'quality', 'required': true, 'versions': ['v1', 'v3'],
     'sql': '({band}_cmodel_mag is null or ({band}_cmodel_mag > 0 and {band}_cmodel_mag < 50))',
     'needs': ['{band}_cmodel_mag'],
     'rows': [
        [{'{band}_cmodel_mag': '0'}, false], [{'{band}_cmodel_mag': '5e-324'}, true],
        [{'{band}_cmodel_mag': '-5e-324'}, false],
        [{'{band}_cmodel_mag': '50'}, false], [{'{band}_cmodel_mag': '49.99999999999999'}, true],
        [{'{band}_cmodel_mag': '50.00000000000001'}, false], [{'{band}_cmodel_mag': 'null'}, true]],
     'section': '3.2', 'why': 'A magnitude that no galaxy has, where there is one: a missing one is *detected*\'s to judge.'},

    {'name': 'magnitudes', 'scope': 'object', 'group': 'quality', 'required': true, 'versions': ['v2', 'v4'],
     'sql': '{band}_cmodel_mag > 0 and {band}_cmodel_mag < 50', 'needs': ['{band}_cmodel_mag'],
     'rows': [
        [{'{band}_cmodel_mag': '0'}, false], [{'{band}_cmodel_mag': '5e-324'}, true],
        [{'{band}_cmodel_mag': '-5e-324'}, false],
        [{'{band}_cmodel_mag': '50'}, false], [{'{band}_cmodel_mag': '49.99999999999999'}, true],
        [{'{band}_cmodel_mag': '50.00000000000001'}, false], [{'{band}_cmodel_mag': 'null'}, none]],
     'section': '3.2, authors\' code', 'why': 'A magnitude that no galaxy has, or none at all.'},

    {'name': 'specz_mag', 'scope': 'spectrum', 'group': 'quality', 'required': true, 'versions': ['v2', 'v3'],
     'sql': 'specz_mag_i > 0 and specz_mag_i < 28', 'needs': ['specz_mag_i'],
     'rows': [
        [{'specz_mag_i': '0'}, false], [{'specz_mag_i': '5e-324'}, true], [{'specz_mag_i': '-1'}, false],
        [{'specz_mag_i': '28'}, false], [{'specz_mag_i': '27.999999999999996'}, true],
        [{'specz_mag_i': '28.000000000000004'}, false], [{'specz_mag_i': 'null'}, none]],
     'section': 'authors\' code', 'why': 'The spectroscopic survey gives no sensible i magnitude for its target.'},

    {'name': 'match_distance', 'scope': 'spectrum', 'group': 'quality', 'required': false, 'versions': ['v1', 'v3'],
     'sql': 'd_pos < 0.5', 'spark': 'd_pos < 0.5e0', 'needs': ['d_pos'],
     'rows': [
        [{'d_pos': '0.5'}, false], [{'d_pos': '0.49999999999999994'}, true],
        [{'d_pos': '0.5000000000000001'}, false], [{'d_pos': 'null'}, none]],
     'section': '3', 'why': 'The spectrum lies 0.5 arcsec or more from the object: it may be of a neighbour.'},

    {'name': 'primary', 'scope': 'object', 'group': 'quality', 'required': false, 'versions': ['v3'],
     'sql': 'isprimary', 'needs': ['isprimary'],
     'rows': [[{'isprimary': 'true'}, true], [{'isprimary': 'false'}, false], [{'isprimary': 'null'}, none]],
     'section': 'strict', 'why': 'A blend\'s parent, or a second detection where tracts or patches overlap.'},

    {'name': 'not_star', 'scope': 'spectrum', 'group': 'quality', 'required': false, 'versions': ['v3'],
     'sql': '(specz_class is null or specz_class <> \'STAR\')', 'needs': ['specz_class'],
     'rows': [
        [{'specz_class': '\'STAR\''}, false], [{'specz_class': '\'GALAXY\''}, true],
        [{'specz_class': 'null'}, true]],
     'section': 'strict', 'why': 'The spectrum is of a star. A class that is not known passes.'},

    {'name': 'measured_error', 'scope': 'spectrum', 'group': 'quality', 'required': true, 'versions': ['v3'],
     'sql': 'specz_error_kind = \'measured\'', 'needs': ['specz_error_kind'],
     'rows': [
        [{'specz_error_kind': '\'measured\''}, true], [{'specz_error_kind': '\'arbitrary\''}, false],
        [{'specz_error_kind': '\'assigned\''}, false], [{'specz_error_kind': 'null'}, none]],
     'section': 'strict', 'why': 'The redshift\'s error was assigned, not measured: the cut on it says nothing.'},

    {'name': 'agreement', 'scope': 'spectrum', 'group': 'duplicates', 'required': true, 'versions': ['v3'],
     'window': 'max(specz_redshift) over (partition by {alive}, object_id) - min(specz_redshift) over (partition by {alive}, object_id) <= 0.005 * (1 + min(specz_redshift) over (partition by {alive}, object_id))',
     'needs': ['specz_redshift'], 'rows': [],
     'limit': 'the spectra of its object lie within 0.005 (1 + z)',
     'section': 'strict', 'why': 'The object\'s spectra disagree by more than 0.005 (1 + z): no telling which is right, so all of them go.'},

    {'name': 'unique_spectrum', 'scope': 'spectrum', 'group': 'duplicates', 'required': true, 'versions': ['v1', 'v2', 'v4'],
     'window': '(specz_name is null or row_number() over (partition by {alive}, specz_name order by pair_id) = 1)',
     'needs': ['specz_name'], 'duplicates_by': 'specz_name', 'rows': [],
     'limit': 'the first pair with its specz_name',
     'section': '3.2', 'why': 'Another object before it in the files has the same spectrum: one source, listed twice.'},

    {'name': 'unique_object', 'scope': 'object', 'group': 'duplicates', 'required': true, 'versions': ['v1'],
     'window': 'row_number() over (partition by {alive}, object_id order by pair_id) = 1',
     'needs': ['object_id'], 'duplicates_by': 'object_id', 'rows': [],
     'limit': 'the first pair of its object',
     'section': '3.2', 'why': 'The object has an earlier spectrum; the paper keeps the first.'},

    {'name': 'sole_object', 'scope': 'object', 'group': 'duplicates', 'required': true, 'versions': ['v2', 'v4'],
     'window': 'count(*) over (partition by {alive}, object_id) = 1',
     'needs': ['object_id'], 'duplicates_by': 'object_id', 'rows': [],
     'limit': 'the only pair of its object',
     'section': 'authors\' code', 'why': 'The object has several spectra; the authors\' code drops all of its rows.'},

    {'name': 'best_of_spectrum', 'scope': 'spectrum', 'group': 'duplicates', 'required': true, 'versions': ['v3'],
     'window': '(specz_name is null or row_number() over (partition by {alive}, specz_name order by match_distance_arcsec nulls last, specz_redshift_err nulls last, pair_id) = 1)',
     'needs': ['specz_name'], 'reads': ['match_distance_arcsec', 'specz_redshift_err'], 'duplicates_by': 'specz_name', 'rows': [],
     'limit': 'the nearest pair with its specz_name, then the smallest error, then the first',
     'section': 'strict', 'why': 'Another object lies nearer to this spectrum.'},

    {'name': 'best_of_object', 'scope': 'object', 'group': 'duplicates', 'required': true, 'versions': ['v3'],
     'window': 'row_number() over (partition by {alive}, object_id order by match_distance_arcsec nulls last, specz_redshift_err nulls last, pair_id) = 1',
     'needs': ['object_id'], 'reads': ['match_distance_arcsec', 'specz_redshift_err'], 'duplicates_by': 'object_id', 'rows': [],
     'limit': 'the nearest pair of its object, then the smallest error, then the first',
     'section': 'strict', 'why': 'The object has a nearer, or a better measured, spectrum.'},
]) }}
{%- endmacro -%}
