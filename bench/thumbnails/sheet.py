"""The contact sheet: for every film what each side chose, side by side."""

import pathlib
import subprocess

WIDTH, HEIGHT, COLUMNS = 200, 140, 4


def make(rows, path):
    """rows: (label, [picture of each side or None]). A label stands over its pictures."""
    inputs, filters, names = [], [], []
    for label, pictures in rows:
        cells = []
        for picture in pictures:
            n = len(inputs)
            there = picture and pathlib.Path(picture).exists() and pathlib.Path(picture).stat().st_size > 0
            inputs.append(["-i", str(picture)] if there else
                          ["-f", "lavfi", "-i", f"color=gray:s={WIDTH}x{HEIGHT}:d=0.04,drawtext=text=none:x=70:y=60"])
            filters.append(f"[{n}:v]scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease,setsar=1,format=rgb24,"
                           f"pad={WIDTH + 4}:{HEIGHT + 4}:(ow-iw)/2:(oh-ih)/2:gray[p{n}]")
            cells.append(f"[p{n}]")
        row = f"r{len(names)}"
        text = "".join(c if c.isalnum() or c in "-_." else " " for c in label)
        filters.append(f"{''.join(cells)}hstack={len(cells)},pad=iw+8:ih+18:4:16:white,"
                       f"drawtext=text='{text}':x=6:y=2:fontsize=12[{row}]")
        names.append(f"[{row}]")
    while len(names) % COLUMNS:
        filters.append(f"color=white:s={(WIDTH + 4) * len(rows[0][1]) + 8}x{HEIGHT + 22}:d=0.04[e{len(names)}]")
        names.append(f"[e{len(names)}]")
    lines = []
    for i in range(0, len(names), COLUMNS):
        filters.append(f"{''.join(names[i:i + COLUMNS])}hstack={COLUMNS}[l{i}]")
        lines.append(f"[l{i}]")
    filters.append(f"{''.join(lines)}vstack={len(lines)}[out]" if len(lines) > 1 else f"{lines[0]}copy[out]")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *(x for i in inputs for x in i), "-filter_complex",
                    ";".join(filters), "-map", "[out]", "-frames:v", "1", str(path)], check=True)
